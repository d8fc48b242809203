"""A running site for every test of this folder, and one of its own for a test that wants one.

Whoever breaks the shared `site` mends it before the test ends. All tests here run on one event
loop, because the site's children belong to the loop that started them.

Files come in an order of their own: those first that start sites alone, because the shared site,
once it is there, runs to the end and takes its part of the processors; among each, the longest
first, so that the workers end together.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.site import Site, SiteOptions
from tests.system.disposable import Sites

HERE = Path(__file__).parent
WITH_OWN_SITES = (
    "test_sick_site.py",
    *("test_mended_decoding.py", "test_mended_documents.py", "test_events.py", "test_promotion.py"),
    *("test_lost_log.py", "test_mended_faults.py", "test_selection.py", "test_chaos.py"),
    "test_reply_faults.py",
)
LONG_ON_THE_SHARED_SITE = (
    *("test_stack.py", "test_bad_input.py", "test_storm.py", "test_large_site.py"),
    *("test_sessions.py", "test_backup.py", "test_switchover.py", "test_failover.py"),
)
ORDER = (*WITH_OWN_SITES, *LONG_ON_THE_SHARED_SITE)
"""File names; others come last, in the order of their names."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, order it, and put it on the session's loop."""
    items.sort(key=_place)
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.system)
        if pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _place(item: pytest.Item) -> int:
    """Where a test comes; those of other folders stay where they are, before all of these."""
    if HERE not in item.path.parents:
        return -1
    name = item.path.name
    return ORDER.index(name) if name in ORDER else len(ORDER)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sites() -> AsyncGenerator[Sites]:
    """Sites of the tree that is judged, for the tests of one file."""
    sites = Sites()
    try:
        yield sites
    finally:
        await sites.close()


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
