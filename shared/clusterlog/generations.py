"""Finds the generation of the log that a copy reads, and the way from one to the next.

A copy reads the generation that its position names, for as long as that log holds its last entry.
Only when it does not is a later one looked for: a generation counts once its first message is an
entry that begins it, signed by a known master. So nobody follows a stream that was created and
never begun, or that a stranger created.
"""

from dataclasses import dataclass
from typing import Final

from shared.clusterlog.log import LogMissing, RawEntry, verify
from shared.clusterlog.ports import LogReader
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import LogEntry, LogPosition, StoredEntry

FIRST: Final = Sequence(1)


@dataclass(frozen=True, slots=True)
class BegunGeneration:
    """A generation that has begun, and its first entry."""

    generation: LogGeneration
    first: LogEntry


async def read_hash(log: LogReader, position: LogPosition) -> str | None:
    """The hash of the entry where *position* stands; empty for a message that is no entry.

    None when the log holds no such message, or is not there at all.

    Raises:
        LogUnavailable: the log does not answer.
    """
    try:
        raw = await log.get(max(FIRST, position.sequence))
    except LogMissing:
        return None
    if position.revision == 0:
        return position.hash
    if raw is None:
        return None
    try:
        return StoredEntry.decode(raw.data).hash
    except Undecodable:
        return ""


async def find_last_begun(log: LogReader, trust: TrustStore) -> BegunGeneration | None:
    """The last generation after that of *log* that has begun; None when there is none.

    Raises:
        LogUnavailable: the log does not answer.
    """
    for generation in await log.later():
        first = await _first_of(log.of(generation), trust)
        if first is not None:
            return BegunGeneration(generation, first)
    return None


async def find_next_generation(
    log: LogReader, trust: TrustStore
) -> LogGeneration | BegunGeneration:
    """The first generation after that of *log* whose stream holds nothing, or one that has begun.

    One read of its first message decides about a stream. So of two callers at the same time neither
    skips the generation that the other one begins meanwhile: both find it begun, or both get its
    number, and its first append decides.

    Raises:
        LogUnavailable: the log does not answer.
    """
    found = await find_last_begun(log, trust)
    following = log
    while found is None:
        following = following.of(LogGeneration(following.generation + 1))
        raw = await _first_message(following)
        if raw is None:
            return following.generation
        first = _beginning(raw, following.generation, trust)
        found = None if first is None else BegunGeneration(following.generation, first)
    return found


async def _first_of(log: LogReader, trust: TrustStore) -> LogEntry | None:
    raw = await _first_message(log)
    return None if raw is None else _beginning(raw, log.generation, trust)


async def _first_message(log: LogReader) -> RawEntry | None:
    try:
        return await log.get(FIRST)
    except LogMissing:
        return None


def _beginning(raw: RawEntry, generation: LogGeneration, trust: TrustStore) -> LogEntry | None:
    """The entry that *raw* is, if it begins *generation* and a known master signed it."""
    try:
        stored = StoredEntry.decode(raw.data)
        if not verify(stored, trust):
            return None
        first = LogEntry.decode(stored.body)
    except Undecodable:
        return None
    return first if first.begins_generation and first.log_generation == generation else None
