"""Asking one of a group: another member answers for one that lost its database."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from shared.domain.errors import LogUnavailable, NotFound, StoreUnavailable
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
    """Gives one answer after the other, and the last one for ever."""

    answers: list[Message]
    asked: list[object] = field(default_factory=list[object])

    async def request(self, request: object, address: str, **_: float) -> None:
        del address
        self.asked.append(request)
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


async def test_when_all_lost_theirs_that_is_what_is_told() -> None:
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
