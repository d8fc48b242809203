"""What is news: of a session's states, of nodes' heartbeats, and who tells it."""

import pytest

from services.gateway.core.news import REMEMBERED_SECONDS, NodeNews, session_news
from services.gateway.core.session import Opening, closed, joined, opened, placed
from services.gateway.herald import Herald
from shared.documents import Kind
from shared.domain.ids import Epoch, Instant, NodeId, SessionId, UnixMillis
from shared.domain.liveness import Liveness
from shared.domain.node import Side
from shared.domain.placement import Choice
from shared.domain.session import CloseReason, SessionPhase
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat, NodeStateChanged
from shared.events.security import SignInRefused
from shared.events.selection import ClientFacts
from shared.events.session import SessionChanged, SessionState
from tests.unit.gateway.conftest import BOOT, House, People

BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")
NOW, LATER = UnixMillis(1_000), UnixMillis(9_000)
OPENED = opened(
    Opening(
        SessionId("4711"),
        "ann",
        ClientFacts(address="192.0.2.1", side=Side.REPRESENTATIVE),
        UnixMillis(99_000),
    ),
    NOW,
)
JOINED = joined(OPENED, ClientFacts(address="192.0.2.2"), NOW)
FIRST = placed(JOINED, [Choice(node=BERLIN, host="b", port=1)], (), NOW)
AGAIN = placed(FIRST, [Choice(node=TOKYO, host="t", port=1)], (), LATER)


@pytest.mark.parametrize(
    ("before", "after", "cause", "added"),
    [
        (None, OPENED, "opened by ann", ()),
        (OPENED, FIRST, "the customer came", (BERLIN,)),
        (JOINED, FIRST, "the ends got their paths", (BERLIN,)),
        (FIRST, AGAIN, "an end lost every path", (TOKYO,)),
        (FIRST, closed(FIRST, CloseReason.CLOSED_BY_USER, "closed by ann"), "closed by ann", ()),
        (
            FIRST,
            joined(FIRST, ClientFacts(address="192.0.2.3"), LATER),
            "the customer came again",
            (),
        ),
    ],
)
def test_a_write_is_told_with_its_cause_and_both_phases(
    before: SessionState | None, after: SessionState, cause: str, added: tuple[NodeId, ...]
) -> None:
    news = session_news(before, after)

    assert news is not None
    assert (news.cause, news.added) == (cause, added)
    assert news.phase is after.phase
    assert news.previous is (None if before is None else before.phase)
    assert news.nodes == tuple(path.node for path in after.paths)


def test_a_write_that_changed_nothing_is_no_news() -> None:
    assert session_news(FIRST, FIRST) is None


def states(news: tuple[NodeStateChanged, ...]) -> list[tuple[str, Liveness, Liveness | None]]:
    return [(each.node, each.state, each.previous) for each in news]


def test_the_primary_tells_each_change_once() -> None:
    news = NodeNews()

    first = news.look({BERLIN: Liveness.ALIVE, TOKYO: None}, Instant(1.0), is_primary=True)
    same = news.look({BERLIN: Liveness.ALIVE, TOKYO: None}, Instant(2.0), is_primary=True)
    dead = news.look({BERLIN: Liveness.DEAD}, Instant(3.0), is_primary=True)

    assert states(first) == [(BERLIN, Liveness.ALIVE, None)]
    assert same == ()
    assert states(dead) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]
    assert dead[0].cause == "no heartbeat came for too long"


def test_a_new_primary_tells_what_it_saw_shortly_before() -> None:
    news = NodeNews()
    news.look({BERLIN: Liveness.ALIVE}, Instant(1.0), is_primary=False)
    news.look({BERLIN: Liveness.DEAD}, Instant(30.0), is_primary=False)

    told = news.look({BERLIN: Liveness.DEAD}, Instant(31.0), is_primary=True)

    assert states(told) == [(BERLIN, Liveness.DEAD, Liveness.ALIVE)]


def test_a_new_primary_leaves_old_news_to_the_primary_of_that_time() -> None:
    news = NodeNews()
    news.look({BERLIN: Liveness.ALIVE}, Instant(1.0), is_primary=False)

    assert (
        news.look({BERLIN: Liveness.ALIVE}, Instant(1 + REMEMBERED_SECONDS), is_primary=True) == ()
    )


def test_a_node_that_left_the_configuration_begins_anew_when_it_is_back() -> None:
    news = NodeNews()
    news.look({BERLIN: Liveness.DEAD}, Instant(1.0), is_primary=True)
    news.look({}, Instant(2.0), is_primary=True)

    told = news.look({BERLIN: Liveness.ALIVE}, Instant(3.0), is_primary=True)

    assert states(told) == [(BERLIN, Liveness.ALIVE, None)]


def heartbeat(house: House, node: NodeId) -> None:
    beat = NodeHeartbeat(node=node, service="relay", version="1", started_unix_ms=0)
    house.door.observed.heartbeat(beat, house.clock.now())


def grant(house: House) -> None:
    until = house.clock.at + 1_000
    house.door.grant.offer(
        MasterGranted(node=house.door.node, epoch=Epoch(1), boot_id=BOOT, valid_until=until)
    )


async def test_the_gateway_of_the_primary_says_how_the_nodes_fare(house: House) -> None:
    house.site.write(Kind.NODE, BERLIN, {"role": "traffic"})
    herald = Herald(house.door)
    herald.look()
    await house.door.directory.read()
    heartbeat(house, BERLIN)
    herald.look()
    assert house.facts.kept == []

    grant(house)
    herald.look()
    house.clock.at += 60.0
    herald.look()

    told = [each for each in house.facts.kept if isinstance(each, NodeStateChanged)]
    assert [(each.state, each.previous) for each in told] == [
        (Liveness.ALIVE, None),
        (Liveness.DEAD, Liveness.ALIVE),
    ]


async def test_a_session_is_told_from_its_opening_to_its_end(house: House, people: People) -> None:
    admin = await people.admin()
    opening = await admin.call("POST", "/sessions")
    session = opening.json()["session"]
    await people.stranger.call("POST", f"/sessions/{session}/join")
    await admin.call("DELETE", f"/sessions/{session}")

    told = [each for each in house.facts.kept if isinstance(each, SessionChanged)]
    assert [(each.previous, each.phase, each.cause) for each in told] == [
        (None, SessionPhase.WAITING, "opened by admin"),
        (SessionPhase.WAITING, SessionPhase.ACTIVE, "the customer came"),
        (SessionPhase.ACTIVE, SessionPhase.CLOSED, "closed by admin"),
    ]


async def test_a_wrong_password_is_told_without_the_password(house: House, people: People) -> None:
    body = {"username": "ann", "password": "a wrong one"}
    for _ in range(8):
        await people.stranger.call("POST", "/login", body)

    refused = SignInRefused(
        user="ann", client_address="192.0.2.7", cause="user or password is wrong"
    )
    assert house.facts.kept == [refused] * 5
    assert all("a wrong one" not in str(each) for each in house.facts.kept)


async def test_anybody_may_read_the_nodes_public_keys(house: House, people: People) -> None:
    key = "A" * 43 + "="
    house.site.write(Kind.NODE, BERLIN, {"role": "traffic", "public_key": key})
    house.site.write(Kind.NODE, TOKYO, {"role": "traffic"})
    house.site.revision += 1
    await house.door.directory.read()

    answer = await people.stranger.get("/keys")

    assert answer.json() == {BERLIN: key}
