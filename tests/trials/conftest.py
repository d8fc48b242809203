"""One site that is made sick in ways that take minutes; `make trials`, and not `make test`.

All trials run on one event loop, because the site's processes belong to the loop that started them.
Each waits until the site is well, hurts it, and ends when it is well again by itself.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.system.sick_site import SickSite

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and put it on the session's loop."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.system)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sick_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SickSite]:
    """The site; whatever ends on it by itself is started again."""
    async with SickSite.start(tmp_path_factory.mktemp("home"), wal=True) as site:
        yield site
