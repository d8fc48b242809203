"""What is news of a session."""

import pytest

from services.gateway.sessions.core.attachment import Program, attach, say_goodbye
from services.gateway.sessions.core.news import describe_change, has_news_of_paths
from services.gateway.sessions.core.session import (
    Opening,
    add_paths,
    close_session,
    join_customer,
    open_session,
)
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import Choice
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import SessionChanged, SessionState
from tests.unit.gateway.conftest import InMemoryGateway, People

BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")
NOW, LATER = UnixMillis(1_000), UnixMillis(9_000)
OPENED = open_session(
    Opening(
        SessionId("4711"),
        "ann",
        ClientFacts(address="192.0.2.1", side=Side.REPRESENTATIVE),
        UnixMillis(99_000),
    ),
    NOW,
)
JOINED = join_customer(OPENED, ClientFacts(address="192.0.2.2"), NOW)
FIRST = add_paths(JOINED, [Choice(node=BERLIN, host="b", port=1)], (), NOW)
AGAIN = add_paths(FIRST, [Choice(node=TOKYO, host="t", port=1)], (), LATER)
CUSTOMER = Program(Side.CUSTOMER, "a" * 32, BERLIN)
CONNECTED = attach(
    attach(FIRST, CUSTOMER, NOW), Program(Side.REPRESENTATIVE, "b" * 32, BERLIN), NOW
)
LEFT = say_goodbye(CONNECTED, CUSTOMER, "other words", LATER)
WAITING = FIRST.model_copy(update={"phase": SessionPhase.WAITING})


@pytest.mark.parametrize(
    ("before", "after", "cause", "added"),
    [
        (None, OPENED, "opened by ann", ()),
        (OPENED, FIRST, "the customer came", (BERLIN,)),
        (JOINED, FIRST, "the ends got their paths", (BERLIN,)),
        (FIRST, AGAIN, "an end lost every path", (TOKYO,)),
        (
            FIRST,
            close_session(FIRST, CloseReason.CLOSED_BY_USER, "closed by ann"),
            "closed by ann",
            (),
        ),
        (
            FIRST,
            join_customer(FIRST, ClientFacts(address="192.0.2.3"), LATER),
            "the customer came again",
            (),
        ),
        (CONNECTED, LEFT, "the customer left", ()),
        (WAITING, LEFT, "the customer left", ()),
        (FIRST, WAITING, "an end is gone", ()),
        (WAITING, CONNECTED, "both ends are connected again", ()),
    ],
)
def test_a_write_is_news_with_its_cause_and_both_phases(
    before: SessionState | None, after: SessionState, cause: str, added: tuple[NodeId, ...]
) -> None:
    news = describe_change(before, after)

    assert news is not None
    assert (news.cause, news.added) == (cause, added)
    assert news.phase is after.phase
    assert news.previous is (None if before is None else before.phase)
    assert news.nodes == tuple(path.node for path in after.paths)


def test_a_write_that_changed_nothing_is_no_news() -> None:
    assert describe_change(FIRST, FIRST) is None
    assert describe_change(FIRST, CONNECTED) is None, "who is connected is no news"


@pytest.mark.parametrize(
    ("seen", "state", "expected"),
    [
        (None, OPENED, False),
        (None, FIRST, True),
        (OPENED, FIRST, True),
        (FIRST, FIRST, True),
        (FIRST, CONNECTED, False),
        (CONNECTED, LEFT, False),
        (FIRST, AGAIN, True),
    ],
)
def test_an_end_gets_its_paths_first_and_when_they_change_or_it_asked(
    seen: SessionState | None, state: SessionState, *, expected: bool
) -> None:
    assert has_news_of_paths(seen, state, Side.CUSTOMER) is expected


async def test_a_session_is_published_from_its_opening_to_its_end(
    fake: InMemoryGateway, people: People
) -> None:
    admin = await people.admin()
    opening = await admin.call("POST", "/sessions")
    session = opening.json()["session"]
    await people.stranger.call("POST", f"/sessions/{session}/join")
    await admin.call("DELETE", f"/sessions/{session}")

    events = [each for each in fake.facts.kept if isinstance(each, SessionChanged)]
    assert [(each.previous, each.phase, each.cause) for each in events] == [
        (None, SessionPhase.WAITING, "opened by admin"),
        (SessionPhase.WAITING, SessionPhase.ACTIVE, "the customer came"),
        (SessionPhase.ACTIVE, SessionPhase.CLOSED, "closed by admin"),
    ]
