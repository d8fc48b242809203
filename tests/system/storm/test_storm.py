"""A short storm with every run of the tests; `make storm` goes on for longer, and tells more."""

from stack.site import Site
from tests.system.storm.gateway import ROWS, siege
from tests.system.storm.run import gust

EACH = 4


async def test_hostile_messages_of_every_kind_end_nobody_and_each_is_counted(site: Site) -> None:
    outcome = await gust(site, EACH, seed=13)

    assert outcome.faults == []
    assert outcome.messages > 300
    assert outcome.refused > outcome.messages


async def test_half_requests_silence_idle_websockets_and_slow_bodies_keep_nobody_out(
    site: Site,
) -> None:
    rows = [row async for row in siege(site)]

    assert [row.name for row in rows] == list(ROWS)
    assert {row.name: (row.subject, row.faults) for row in rows if row.faults} == {}
