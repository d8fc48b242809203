"""A master's conflicts in memory: the adapter's verbs, on a database in memory."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from shared.domain.ids import Revision, UnixMillis
from shared.persistence.conflicts import Conflict, Conflicts
from tests.fakes.master_state import KeptConflict, MemoryState


class MemoryConflicts(Conflicts):
    """What this master had alone."""

    def __init__(self, database: MemoryState) -> None:
        self._memory = database

    async def own_hashes(self, limit: int) -> dict[Revision, str]:
        self._memory.require_up()
        entries = self._memory.here.entries
        newest = sorted(entries, reverse=True)[:limit]
        return {revision: entries[revision].hash for revision in newest}

    async def own_after(self, ancestor: Revision) -> AsyncGenerator[bytes]:
        self._memory.require_up()
        for revision, stored in sorted(self._memory.here.entries.items()):
            if revision > ancestor:
                yield stored.encode()

    async def keep(self, conflict: Conflict) -> bool:
        self._memory.require_up()
        if conflict.id in self._memory.conflicts:
            return False
        after = sorted(self._memory.here.entries.items())
        entries = tuple(stored for revision, stored in after if revision > conflict.ancestor)
        self._memory.conflicts[conflict.id] = KeptConflict(conflict, entries)
        return True

    async def all(self) -> tuple[Conflict, ...]:
        self._memory.require_up()
        return tuple(each.conflict for each in reversed(self._memory.conflicts.values()))

    async def one(self, id_: str) -> Conflict | None:
        self._memory.require_up()
        found = self._memory.conflicts.get(id_)
        return None if found is None else found.conflict

    async def messages(
        self, id_: str, begin: int = 0, limit: int | None = None
    ) -> tuple[bytes, ...]:
        self._memory.require_up()
        entries = self._memory.conflicts[id_].entries[begin:]
        return tuple(stored.encode() for stored in entries[:limit])

    async def resolve(self, id_: str, resolution: str, by: str, at: UnixMillis) -> bool:
        del at
        self._memory.require_up()
        found = self._memory.conflicts[id_]
        if found.conflict.resolution is not None:
            return False
        done = replace(found.conflict, resolution=resolution, resolved_by=by)
        self._memory.conflicts[id_] = replace(found, conflict=done)
        return True
