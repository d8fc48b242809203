"""Verifies a part of the log, or of this master's own copy of it: is it one signed chain."""

from collections.abc import AsyncGenerator
from typing import Final, Protocol

from services.config.core.chain import Chain, Verify
from shared.clusterlog.log import RawEntry
from shared.domain.ids import LogGeneration, Revision, Sequence
from shared.domain.log import LogPlace, LogPosition
from shared.events.config import ChainVerified, VerifyChain

AT_A_TIME: Final = 500
"""Entries of one part: about a second of reading the log, message by message."""

FIRST_PLACE: Final = LogPlace(LogGeneration(0), Revision(0))


class ReplicaChain(Protocol):
    """The entries that this master keeps."""

    async def entries_after(
        self, place: LogPlace, limit: int
    ) -> tuple[tuple[Sequence, bytes], ...]: ...


class OrderedLog(Protocol):
    """One generation of the cluster log, and the way to the others."""

    @property
    def generation(self) -> LogGeneration: ...
    def of(self, generation: LogGeneration) -> "OrderedLog": ...
    def read_from(self, sequence: Sequence) -> AsyncGenerator[RawEntry]: ...


async def verify_chain(
    question: VerifyChain, copy: ReplicaChain, log: OrderedLog, verify: Verify
) -> ChainVerified:
    """Verify the part of the log or copy that *question* asks for."""
    chain = Chain(question.after, verify, may_skip=question.of == "log")
    messages = (
        _entries_of_log(log, question.after)
        if question.of == "log"
        else _entries_of_copy(copy, question)
    )
    seen = 0
    async for sequence, message in messages:
        seen += 1
        if not chain.add(message, sequence) or seen >= AT_A_TIME:
            break
    await messages.aclose()
    return ChainVerified(
        node=question.node,
        entries=chain.entries,
        skipped=chain.skipped,
        fault=chain.fault,
        end=chain.end,
        is_whole=not chain.fault and seen < AT_A_TIME,
    )


async def _entries_of_copy(
    copy: ReplicaChain, question: VerifyChain
) -> AsyncGenerator[tuple[Sequence, bytes]]:
    place = FIRST_PLACE if question.after is None else question.after.place
    for each in await copy.entries_after(place, AT_A_TIME):
        yield each


async def _entries_of_log(
    log: OrderedLog, end: LogPosition | None
) -> AsyncGenerator[tuple[Sequence, bytes]]:
    is_same = end is None or end.log_generation == log.generation
    whole = log if is_same or end is None else log.of(end.log_generation)
    async for raw in whole.read_from(Sequence(1 if end is None else end.sequence + 1)):
        yield raw.sequence, raw.data
