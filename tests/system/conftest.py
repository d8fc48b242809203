"""A running site for every test of this folder, and one of its own for a test that wants one.

Whoever breaks the shared `site` mends it before the test ends. All tests here run on one event
loop, because the site's children belong to the loop that started them.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.site import Site, SiteOptions

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and put it on the session's loop."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.system)
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncGenerator[Site]:
    """The site that all tests share; started once."""
    async with Site.start(SiteOptions()) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def own_site() -> AsyncGenerator[Site]:
    """A new site for one test alone."""
    async with Site.start(SiteOptions()) as site:
        yield site
