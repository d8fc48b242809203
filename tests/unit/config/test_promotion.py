"""Whether a master goes on alone, what is recorded when it does not, and one operator at a time."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from services.config.core.promotion import Facts, epoch_after, require_absent, require_promotable
from services.config.repair.promotion import Promoter
from shared.domain.errors import (
    AlreadyPrimary,
    NoHistory,
    NotForced,
    PromotionUnderWay,
    QuorumThere,
    Rejected,
    ServerNotAlone,
)
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.domain.log import LogPosition
from shared.events.config import GenerationBegun, PromoteAlone

ALPHA = NodeId("alpha")
ALONE = Facts(
    node=ALPHA,
    is_forced=True,
    reason="it burnt",
    is_under_way=False,
    is_primary=False,
    has_history=True,
    can_write_lease=False,
    is_alone=True,
)


def test_a_master_whose_server_runs_alone_is_promoted() -> None:
    require_promotable(ALONE)


@pytest.mark.parametrize(
    ("facts", "refusal", "words"),
    [
        (replace(ALONE, is_forced=False), NotForced, "needs --force"),
        (replace(ALONE, reason=" "), NotForced, "a --reason"),
        (replace(ALONE, is_under_way=True), PromotionUnderWay, "another operator"),
        (replace(ALONE, is_primary=True), AlreadyPrimary, "alpha is primary already"),
        (replace(ALONE, has_history=False), NoHistory, "promote another master"),
        (replace(ALONE, is_alone=False), ServerNotAlone, "start it alone"),
        (
            replace(ALONE, can_write_lease=True, is_alone=False),
            QuorumThere,
            "use `meridian switchover`",
        ),
    ],
)
def test_anything_else_is_refused_in_one_sentence(
    facts: Facts, refusal: type[Rejected], words: str
) -> None:
    with pytest.raises(refusal, match=words):
        require_promotable(facts)


def test_a_promotion_that_broke_off_after_the_lease_was_made_can_be_repeated() -> None:
    require_promotable(replace(ALONE, can_write_lease=True))
    require_absent(ALPHA, in_log=False)


def test_a_log_that_is_there_is_not_begun_anew() -> None:
    with pytest.raises(QuorumThere, match="holds alpha's last entry"):
        require_absent(ALPHA, in_log=True)


def test_the_other_side_may_count_on_and_stays_far_behind() -> None:
    assert epoch_after(Epoch(7)) == 1007


@dataclass
class Slow:
    """Begins a generation as soon as it may go on."""

    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list[str])

    async def begin_alone(self, order: PromoteAlone) -> GenerationBegun:
        self.begun.append(order.author)
        self.has_begun.set()
        await self.may_go.wait()
        answer = {"node": ALPHA, "log_generation": 2, "revision": 8, "hash": "h"}
        return GenerationBegun.model_validate(answer)


@dataclass
class House:
    """A server in no cluster, and a database with seven entries."""

    alone: bool = True

    async def can_write_lease(self) -> bool:
        return False

    async def is_alone(self) -> bool:
        return self.alone

    async def position(self) -> LogPosition | None:
        return LogPosition(LogGeneration(1), Revision(7), Sequence(7), Epoch(2), "h")


def order_of(author: str) -> PromoteAlone:
    return PromoteAlone(node=ALPHA, force=True, author=author, reason="it burnt")


async def test_of_two_operators_the_second_learns_that_the_first_is_at_it() -> None:
    slow, house = Slow(), House()
    promoter = Promoter(ALPHA, slow, house, house, lambda: False)
    first = asyncio.create_task(promoter.promote(order_of("rita")))
    await slow.has_begun.wait()
    with pytest.raises(PromotionUnderWay):
        await promoter.promote(order_of("paul"))
    slow.may_go.set()
    assert (await first).log_generation == 2
    assert slow.begun == ["rita"]


async def test_nothing_begins_while_the_server_is_one_of_a_cluster() -> None:
    slow, house = Slow(), House(alone=False)
    promoter = Promoter(ALPHA, slow, house, house, lambda: False)
    with pytest.raises(ServerNotAlone):
        await promoter.promote(order_of("rita"))
    assert slow.begun == []
