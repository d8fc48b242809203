"""Asking one of a group: another member answers for one that lost its database."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from shared.domain.errors import (
    BadSignature,
    LogUnavailable,
    NotFound,
    Stopping,
    StoreUnavailable,
    Unavailable,
)
from shared.events.config import HistoryRead, ReadHistory
from shared.events.message import ErrorReply, Message
from shared.messaging.middleware import PENDING
from shared.messaging.publisher import Publisher

if TYPE_CHECKING:
    from faststream.nats import NatsBroker

LOST = ErrorReply(error_code=StoreUnavailable.code, message="the database is gone")
WELL = HistoryRead(lines=())


@dataclass
class Group:
    """Gives one answer after the other, and repeats the last one."""

    answers: list[Message]
    asked: list[object] = field(default_factory=list[object])
    forged: int = 0
    """So many answers are refused by the signing layer before the first true one."""

    seconds: float = 0.0
    """An asker that waits for less gets no answer."""

    async def request(self, request: object, address: str, *, timeout: float) -> None:  # noqa: ASYNC109
        del address
        self.asked.append(request)
        if timeout < self.seconds:
            raise TimeoutError
        if len(self.asked) <= self.forged:
            raise BadSignature("forged", reason="bad_mac")
        pending = PENDING.get()
        assert pending is not None
        pending.answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def ask(group: Group, attempt_seconds: float | None) -> Message:
    publisher = Publisher(cast("NatsBroker", group))
    return await publisher.ask(
        ReadHistory(limit=1), timeout_seconds=0.3, attempt_seconds=attempt_seconds
    )


async def test_another_member_answers_for_one_that_lost_its_database() -> None:
    group = Group([LOST, LOST, WELL])
    assert await ask(group, 0.1) == WELL
    assert len(group.asked) == 3


async def test_another_member_answers_for_one_that_stops() -> None:
    stopping = ErrorReply(error_code=Stopping.code, message="the service is stopping")
    group = Group([stopping, WELL])
    assert await ask(group, 0.1) == WELL
    assert len(group.asked) == 2


async def test_a_member_that_refuses_is_asked_less_and_less_often() -> None:
    group = Group([LOST])
    with pytest.raises(StoreUnavailable):
        await ask(group, 0.1)
    assert 2 <= len(group.asked) <= 3  # after 0 and 0.05 and, with some luck, 0.15 of 0.3 s


async def test_a_forged_answer_is_waited_out_before_the_request_is_repeated() -> None:
    group = Group([WELL], forged=2)
    assert await ask(group, 0.1) == WELL
    assert len(group.asked) == 3


async def test_after_a_forged_answer_a_request_that_may_be_answered_once_is_not_repeated() -> None:
    group = Group([WELL], forged=1)
    with pytest.raises(Unavailable, match="nobody answered"):
        await ask(group, None)
    assert len(group.asked) == 1


async def test_slow_members_are_asked_less_often_and_waited_for_longer() -> None:
    group = Group([WELL], seconds=0.2)
    assert await ask(group, 0.03) == WELL
    assert len(group.asked) == 4  # 0.03, 0.06, 0.12 and 0.24 s


async def test_when_all_lost_theirs_that_is_what_is_reported() -> None:
    with pytest.raises(StoreUnavailable, match="the database is gone"):
        await ask(Group([LOST]), 0.1)


async def test_what_may_be_answered_once_is_asked_once() -> None:
    group = Group([LOST, WELL])
    with pytest.raises(StoreUnavailable):
        await ask(group, None)
    assert len(group.asked) == 1


@pytest.mark.parametrize("error", [NotFound, LogUnavailable])
async def test_any_other_refusal_is_the_answer(error: type[NotFound]) -> None:
    group = Group([ErrorReply(error_code=error.code, message="no"), WELL])
    with pytest.raises(error):
        await ask(group, 0.1)
    assert len(group.asked) == 1
