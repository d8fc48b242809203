"""What is news of the nodes, and when the status notifier emits it."""

from services.gateway.cluster.core.news import REMEMBERED_SECONDS, NodeNews
from services.gateway.cluster.status_notifier import StatusNotifier
from shared.documents import Kind
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat, NodeStateChanged
from tests.unit.gateway.conftest import BOOT, InMemoryGateway

BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")


def states(news: tuple[NodeStateChanged, ...]) -> list[tuple[str, Liveness, Liveness | None]]:
    return [(each.node, each.state, each.previous) for each in news]


def test_the_primary_reports_each_change_once() -> None:
    news = NodeNews()

    first = news.update({BERLIN: Liveness.ALIVE, TOKYO: None}, Instant(1.0), is_primary=True)
    same = news.update({BERLIN: Liveness.ALIVE, TOKYO: None}, Instant(2.0), is_primary=True)
    dead = news.update({BERLIN: Liveness.DEAD}, Instant(3.0), is_primary=True)

    assert states(first) == [(BERLIN, Liveness.ALIVE, None)]
    assert same == ()
    assert states(dead) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]
    assert dead[0].cause == "no heartbeat came for too long"


def test_a_new_primary_reports_what_it_saw_shortly_before() -> None:
    news = NodeNews()
    news.update({BERLIN: Liveness.ALIVE}, Instant(1.0), is_primary=False)
    news.update({BERLIN: Liveness.DEAD}, Instant(30.0), is_primary=False)

    events = news.update({BERLIN: Liveness.DEAD}, Instant(31.0), is_primary=True)

    assert states(events) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]


def test_a_new_primary_leaves_old_news_to_the_primary_of_that_time() -> None:
    news = NodeNews()
    news.update({BERLIN: Liveness.ALIVE}, Instant(1.0), is_primary=False)

    assert (
        news.update({BERLIN: Liveness.ALIVE}, Instant(1 + REMEMBERED_SECONDS), is_primary=True)
        == ()
    )


def test_a_node_that_left_the_configuration_begins_anew_when_it_is_back() -> None:
    news = NodeNews()
    news.update({BERLIN: Liveness.DEAD}, Instant(1.0), is_primary=True)
    news.update({}, Instant(2.0), is_primary=True)

    events = news.update({BERLIN: Liveness.ALIVE}, Instant(3.0), is_primary=True)

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
