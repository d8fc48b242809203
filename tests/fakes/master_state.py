"""A master's database in memory: one lock, commits that fail, and what stands beside the state."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from shared.domain.document import Document, Ref
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import ClusterId, LogGeneration, RequestId, Revision
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import (
    CONTROL_KIND,
    Change,
    LogEntry,
    LogPosition,
    Op,
    ReplicationMode,
    StoredEntry,
    empty_position,
    follows,
    mode_after,
)
from shared.domain.refusal import StoreRefused
from shared.domain.request import AnsweredRequest
from shared.persistence.conflicts import Conflict
from shared.persistence.master_state import WHOLE, Part, State
from shared.persistence.pool import COMMAND_SECONDS
from tests.fakes.virtual_time import pause

LOOK_SECONDS: Final = 0.05
"""How often a write that waits for a lock looks whether it is free."""


@dataclass
class MemoryTransaction:
    """What one transaction sees and does; *documents_by_ref* and the rest are its own copies.

    *entries* are those that were applied since the copy began, by their revisions.
    """

    position: LogPosition
    mode: ReplicationMode = ReplicationMode.SYNCHRONOUS
    entries: dict[Revision, StoredEntry] = field(default_factory=dict[Revision, StoredEntry])
    documents_by_ref: dict[Ref, Document] = field(default_factory=dict[Ref, Document])
    requests: dict[RequestId, AnsweredRequest] = field(
        default_factory=dict[RequestId, AnsweredRequest]
    )
    before_write: Callable[[], Awaitable[None]] | None = None
    """What the database does before each write of this transaction."""

    def copy(self) -> "MemoryTransaction":
        return MemoryTransaction(
            *(self.position, self.mode, dict(self.entries)),
            *(dict(self.documents_by_ref), dict(self.requests)),
        )

    async def apply(self, stored: StoredEntry, sequence: LogSequence) -> bool:
        entry = LogEntry.decode(stored.body)
        is_same_log = entry.log_generation == self.position.log_generation
        if is_same_log and entry.revision <= self.position.revision:
            here = self.entries.get(entry.revision)
            if here is not None and here.hash != stored.hash:
                raise StoreUnavailable(f"another entry is in place of revision {entry.revision}")
            return False
        why = follows(self.position, entry)
        if why is not None:
            raise StoreUnavailable(f"entry {entry.revision} does not follow: {why}")
        if self.before_write is not None:
            await self.before_write()
        self.position = LogPosition.of(entry, stored.hash, sequence)
        self.mode = mode_after(self.mode, entry.changes)
        self.entries[entry.revision] = stored
        for change in entry.changes:
            self._apply(change, entry)
        return True

    async def documents(
        self, kinds: Sequence[str] = (), id_: str | None = None, part: Part = WHOLE
    ) -> tuple[Document, ...]:
        wanted = [
            each
            for ref, each in self.documents_by_ref.items()
            if (not kinds or each.kind in kinds)
            and (id_ is None or each.id == id_)
            and (part.after is None or ref > part.after)
        ]
        return tuple(sorted(wanted, key=lambda each: each.ref)[: part.limit])

    async def entries_behind(self, place: LogPosition, limit: int) -> tuple[bytes, ...] | None:
        if place == self.position:
            return ()
        known = self.entries.get(place.revision)
        if known is None or known.hash != place.hash:
            return None
        entries = sorted(self.entries.items())
        behind = [each for revision, each in entries if revision > place.revision]
        return None if len(behind) > limit else tuple(each.encode() for each in behind)

    def _apply(self, change: Change, entry: LogEntry) -> None:
        ref = Ref(change.kind, change.id)
        if change.kind != CONTROL_KIND and change.op is Op.PUT:
            assert change.body is not None, "a put has a body"
            self.documents_by_ref[ref] = Document(*ref, entry.revision, change.body)
        elif change.op is Op.DELETE:
            self.documents_by_ref.pop(ref, None)
        if change.request_id:
            answered = AnsweredRequest(
                change.request_id, change.request_digest, entry.revision, entry.at
            )
            self.requests.setdefault(change.request_id, answered)


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """What a master had alone, and the entries that it is made of."""

    conflict: Conflict
    entries: tuple[StoredEntry, ...]


@dataclass
class MemoryState:
    """The database; *refusals* of the next commits fail, and all of them while it is *down*.

    It may be sick, too. Reads work all the same; entries and probes do not.
    """

    here: MemoryTransaction = field(
        default_factory=lambda: MemoryTransaction(empty_position(LogGeneration(1)))
    )
    refusals: int = 0
    is_down: bool = False
    is_founded: bool = True
    """It belongs to a cluster."""

    writes_refused: str = ""
    """Why each write is refused, as with a full disk; empty when none is."""

    is_locked: bool = False
    """Somebody holds a lock that every write waits for, until its time limit."""

    write_seconds: float = 0.0
    """How long the disk takes for a write."""

    probes: int = 0
    """How many probes were committed."""

    conflicts: dict[str, KeptConflict] = field(default_factory=dict[str, KeptConflict])
    """They stand beside the state, so nothing that replaces it touches them."""

    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def at(self) -> LogPosition:
        """Where this copy is."""
        return self.here.position

    async def position(self) -> LogPosition | None:
        self.require_up()
        return self.here.position if self.is_founded else None

    async def found(self, cluster_id: ClusterId, log_generation: LogGeneration) -> bool:
        del cluster_id
        self.require_up()
        if self.is_founded:
            return False
        self.is_founded, self.here = True, MemoryTransaction(empty_position(log_generation))
        return True

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[MemoryTransaction]:
        async with self._lock:
            self._require_founded()
            draft = self.here.copy()
            draft.before_write = self.admit_write
            yield draft
            self.require_up()
            if draft.position != self.here.position and self.refusals > 0:
                self.refusals -= 1
                raise StoreUnavailable("the database did not commit")
            self.here = draft

    async def find_requests(
        self, requests: Sequence[RequestId]
    ) -> dict[RequestId, AnsweredRequest]:
        self.require_up()
        return {each: self.here.requests[each] for each in requests if each in self.here.requests}

    @asynccontextmanager
    async def view(self) -> AsyncGenerator[MemoryTransaction]:
        """The state of one moment; what is committed later is another one."""
        self._require_founded()
        yield self.here

    async def read(
        self, kinds: Sequence[str] = (), id_: str | None = None, part: Part = WHOLE
    ) -> State:
        """What is committed; it waits for no lock, and copies nothing."""
        self._require_founded()
        here = self.here
        return State(here.position, here.mode, await here.documents(kinds, id_, part))

    async def hashes(self, revisions: Iterable[Revision]) -> dict[Revision, str]:
        self.require_up()
        known = {revision: stored.hash for revision, stored in self.here.entries.items()}
        known[self.here.position.revision] = self.here.position.hash
        return {each: known[each] for each in revisions if each in known}

    async def probe_commit(self) -> None:
        await self.admit_write()
        if self.refusals > 0:
            raise StoreUnavailable("the database did not commit")
        self.probes += 1

    async def admit_write(self) -> None:
        """Let a write through when the disk took it and nobody holds a lock.

        Raises:
            StoreRefused: the database refuses writes.
            StoreUnavailable: it is down, or the lock lasted for the time limit.
        """
        self.require_up()
        waited = 0.0
        while self.is_locked:
            if waited >= COMMAND_SECONDS:
                raise StoreUnavailable("the database failed: no answer in time")
            await pause(LOOK_SECONDS)
            waited += LOOK_SECONDS
        if self.write_seconds:
            await pause(self.write_seconds)
        if self.writes_refused:
            raise StoreRefused(f"the database refused: {self.writes_refused}")
        self.require_up()

    def moved(self, **changes: object) -> None:
        """Pretend that the copy is elsewhere."""
        self.here.position = replace(self.here.position, **changes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def _require_founded(self) -> None:
        self.require_up()
        if not self.is_founded:
            raise StoreUnavailable("this database belongs to no cluster: init or join it first")

    def require_up(self) -> None:
        if self.is_down:
            raise StoreUnavailable("the database cannot be reached")
