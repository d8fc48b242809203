"""What is news of the nodes, and when the status notifier emits it."""

from collections.abc import Mapping

from services.gateway.cluster.core.news import REMEMBERED_SECONDS, NodeNews
from services.gateway.cluster.status_notifier import StatusNotifier
from shared.documents import Kind
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat, NodeStateChanged
from tests.unit.gateway.conftest import BOOT, InMemoryGateway

INTERVAL = 0.5
BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")


def states(news: tuple[NodeStateChanged, ...]) -> list[tuple[str, Liveness, Liveness | None]]:
    return [(each.node, each.state, each.previous) for each in news]


def update(
    news: NodeNews,
    found: Mapping[NodeId, Liveness | None],
    at: float,
    *,
    clocks: Mapping[NodeId, str] | None = None,
    is_primary: bool = True,
) -> tuple[NodeStateChanged, ...]:
    return news.update(found, clocks or {}, INTERVAL, Instant(at), is_primary=is_primary)


def test_the_primary_reports_each_change_once() -> None:
    news = NodeNews()

    first = update(news, {BERLIN: Liveness.ALIVE, TOKYO: None}, 1.0)
    same = update(news, {BERLIN: Liveness.ALIVE, TOKYO: None}, 2.0)
    dead = update(news, {BERLIN: Liveness.DEAD}, 3.0)

    assert states(first) == [(BERLIN, Liveness.ALIVE, None)]
    assert same == ()
    assert states(dead) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]
    assert dead[0].cause == "no heartbeat came for too long"


def test_the_cause_of_a_dead_node_names_its_clock_where_that_is_off() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.ALIVE}, 1.0)

    clocks = {BERLIN: "its clock is 40 s ahead (measured 1 s ago)"}
    (dead,) = update(news, {BERLIN: Liveness.DEAD}, 5.0, clocks=clocks)

    assert dead.cause == (
        "no heartbeat came for too long; its clock is 40 s ahead (measured 1 s ago)"
    )


def test_a_node_that_is_suspect_for_a_moment_is_no_news() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.ALIVE}, 1.0)

    assert update(news, {BERLIN: Liveness.SUSPECT}, 2.0) == ()
    assert update(news, {BERLIN: Liveness.SUSPECT}, 2.9) == ()
    assert update(news, {BERLIN: Liveness.ALIVE}, 3.0) == ()
    assert update(news, {BERLIN: Liveness.SUSPECT}, 4.0) == ()
    suspect = update(news, {BERLIN: Liveness.SUSPECT}, 5.0)
    assert states(suspect) == [(BERLIN, Liveness.SUSPECT, Liveness.ALIVE)]


def test_a_node_is_alive_again_once_its_heartbeats_came_for_some_seconds() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.ALIVE}, 1.0)
    update(news, {BERLIN: Liveness.DEAD}, 5.0)

    for at in (6.0, 8.0, 10.9):
        assert update(news, {BERLIN: Liveness.ALIVE}, at) == ()
    alive = update(news, {BERLIN: Liveness.ALIVE}, 11.0)
    assert states(alive) == [(BERLIN, Liveness.ALIVE, Liveness.DEAD)]


def test_a_new_primary_reports_what_it_saw_shortly_before() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.ALIVE}, 1.0, is_primary=False)
    update(news, {BERLIN: Liveness.DEAD}, 30.0, is_primary=False)

    events = update(news, {BERLIN: Liveness.DEAD}, 31.0)

    assert states(events) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]


def test_a_new_primary_leaves_old_news_to_the_primary_of_that_time() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.ALIVE}, 1.0, is_primary=False)

    assert update(news, {BERLIN: Liveness.ALIVE}, 1 + REMEMBERED_SECONDS) == ()


def test_a_node_that_left_the_configuration_begins_anew_when_it_is_back() -> None:
    news = NodeNews()
    update(news, {BERLIN: Liveness.DEAD}, 1.0)
    update(news, {}, 2.0)

    events = update(news, {BERLIN: Liveness.ALIVE}, 3.0)

    assert states(events) == [(BERLIN, Liveness.ALIVE, None)]


def heartbeat(fake: InMemoryGateway, node: NodeId) -> None:
    beat = NodeHeartbeat(node=node, service="relay", version="1", started_unix_ms=0)
    fake.state.observed.record_heartbeat(beat, fake.clock.now())


def grant(fake: InMemoryGateway) -> None:
    until = fake.clock.at + 1_000
    fake.state.grant.offer(
        MasterGranted(node=fake.gateway.local.node, epoch=Epoch(1), boot_id=BOOT, valid_until=until)
    )


async def test_the_gateway_of_the_primary_says_how_the_nodes_fare(fake: InMemoryGateway) -> None:
    fake.site.write(Kind.NODE, BERLIN, {"role": "traffic"})
    notifier = StatusNotifier(fake.gateway.cluster, fake.gateway.local, fake.facts)
    notifier.check()
    await fake.state.directory.read()
    heartbeat(fake, BERLIN)
    notifier.check()
    assert fake.facts.kept == []

    grant(fake)
    notifier.check()
    fake.clock.at += 60.0
    notifier.check()

    events = [each for each in fake.facts.kept if isinstance(each, NodeStateChanged)]
    assert [(each.state, each.previous) for each in events] == [
        (Liveness.ALIVE, None),
        (Liveness.DEAD, Liveness.ALIVE),
    ]
