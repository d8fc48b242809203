"""The lease's key in memory, as its servers hold it, and a master's way to it.

Whoever reaches the servers may write junk into the key: anything, a copy of a record that was once
signed, or nothing at all. A server keeps, with each message, the revision that it compared, and the
store recognises a copy by that; here it is done where the copy is put.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord

EMPTY: Final = KeyState(None, 1)
"""What the first read finds, and makes where it is missing."""


class LeaseKey:
    """One key, changed by compare-and-set alone; *is_lost* while there is no bucket."""

    def __init__(self) -> None:
        self.key = EMPTY
        self.is_lost = False
        self._is_purged = False

    def read(self) -> KeyState | None:
        """The key, which is made where it is missing; None without a bucket."""
        if self.is_lost:
            return None
        if self._is_purged:
            self.put(KeyState(None, self.next_revision()))
        return self.key

    def write(self, record: LeaseRecord, expected: int) -> int | WriteFailure:
        """Compare and set; the new revision."""
        if self.is_lost:
            return WriteFailure.UNKNOWN
        if self._is_purged or self.key.revision != expected:
            return WriteFailure.REFUSED
        revision = self.next_revision()
        self.put(KeyState(record, revision))
        return revision

    def spoil(self, record: LeaseRecord | None) -> None:
        """Put junk there, or *record* once more, which counts where the key is as it replaces."""
        if not self.is_lost:
            is_in_place = record is not None and record.replaces == self.key.revision
            self.put(KeyState(record if is_in_place else None, self.next_revision()))

    def purge(self) -> None:
        """Delete the key, so that nothing is left of it until it is read."""
        self._is_purged = True

    def make(self, first: int) -> None:
        """Make the bucket, empty, where it is missing; its revisions begin at *first*."""
        if self.is_lost:
            self.is_lost = False
            self.put(KeyState(None, first))

    def next_revision(self) -> int:
        return self.key.revision + 1

    def put(self, key: KeyState) -> None:
        self.key, self._is_purged = key, False


@dataclass
class MemoryLease:
    """One master's store of the lease; it finds out nothing while it is not *reachable*."""

    servers: LeaseKey = field(default_factory=LeaseKey)
    is_reachable: bool = True
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> KeyState | None:
        self.reads.set()
        return self.servers.read() if self.is_reachable else None

    async def write(self, record: LeaseRecord, expected: int) -> int | WriteFailure:
        return self.servers.write(record, expected) if self.is_reachable else WriteFailure.UNKNOWN
