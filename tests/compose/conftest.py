"""One site in containers for every test of this folder; started once, removed in the end.

These tests need Docker and an image, so they have a target of their own: `make test-compose`.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.compose.site import Composed, composed

HERE = Path(__file__).parent
START_SECONDS = 600.0
"""What the first test of the site may take: building the image and starting the site included."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and put it on the session's loop.

    What starts machines of its own comes first: no machine has to bear two sites at once.
    """
    items.sort(key=_bears_the_site)
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.system)
        if _bears_the_site(item) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(START_SECONDS))
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _bears_the_site(item: pytest.Item) -> bool:
    return HERE in item.path.parents and "site" in getattr(item, "fixturenames", ())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncGenerator[Composed]:
    """The site that all tests share, as `make up` starts it: a machine may hold no second one."""
    async with composed() as site:
        await site.make("secrets")
        await site.make("image")
        await site.start()
        yield site
