"""Walks a part of the log, or of this master's own copy of it, and says whether it is one chain."""

from collections.abc import AsyncGenerator
from typing import Final, Protocol

from services.config.core.chain import Chain, Verify
from services.config.ports import Log
from shared.domain.ids import Sequence
from shared.domain.log import LogPosition
from shared.events.config import ChainVerified, VerifyChain

AT_A_TIME: Final = 500
"""Entries of one part: about a second of reading the log, message by message."""


class Copy(Protocol):
    """The entries that this master keeps."""

    async def entries_after(
        self, position: tuple[int, int], limit: int
    ) -> tuple[tuple[Sequence, bytes], ...]: ...


async def verify_chain(
    question: VerifyChain, copy: Copy, log: Log, verify: Verify
) -> ChainVerified:
    """One part of the walk that *question* asks for."""
    chain = Chain(question.after, verify, may_skip=question.of == "log")
    messages = _of_log(log, question.after) if question.of == "log" else _of_copy(copy, question)
    seen = 0
    async for sequence, message in messages:
        seen += 1
        if not chain.take(message, sequence) or seen >= AT_A_TIME:
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


async def _of_copy(copy: Copy, question: VerifyChain) -> AsyncGenerator[tuple[Sequence, bytes]]:
    end = question.after
    position = (0, 0) if end is None else (end.log_generation, end.revision)
    for each in await copy.entries_after(position, AT_A_TIME):
        yield each


async def _of_log(log: Log, end: LogPosition | None) -> AsyncGenerator[tuple[Sequence, bytes]]:
    is_same = end is None or end.log_generation == log.generation
    whole = log if is_same or end is None else log.of(end.log_generation)
    async for raw in whole.read_from(Sequence(1 if end is None else end.sequence + 1)):
        yield raw.sequence, raw.data
