"""What every store of conflicts promises: what a master had alone is kept once, and whole."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from shared.domain.ids import Revision, Sequence, UnixMillis
from shared.domain.log import StoredEntry
from shared.persistence.conflicts import Conflict, Conflicts
from shared.persistence.master_state import MasterState
from tests.contract.servers import MEMORY, POSTGRES, database
from tests.fakes.conflicts import MemoryConflicts
from tests.fakes.master_state import MemoryState
from tests.integration.entries import CLUSTER, GENERATION, Pen, node, put


@dataclass
class Copy:
    """A master's copy with three entries, and its conflicts."""

    conflicts: Conflicts
    entries: list[StoredEntry]

    def conflict(self, ancestor: int = 1) -> Conflict:
        """What the copy has alone when the other history has its first *ancestor* entries."""
        count = len(self.entries) - ancestor
        return Conflict(
            *(self.entries[-1].hash, UnixMillis(1_000 + ancestor), GENERATION),
            *(Revision(len(self.entries)), Revision(ancestor), count),
        )

    def messages(self, begin: int, end: int | None = None) -> tuple[bytes, ...]:
        return tuple(each.encode() for each in self.entries[begin:end])


@pytest_asyncio.fixture(params=[MEMORY, POSTGRES])
async def copy(request: pytest.FixtureRequest) -> AsyncGenerator[Copy]:
    if request.param == MEMORY:
        memory = MemoryState()
        yield Copy(MemoryConflicts(memory), await _write(memory))
        return
    async with database(request) as pool:
        state = MasterState(pool)
        await state.found(CLUSTER, GENERATION)
        yield Copy(Conflicts(pool), await _write(state))


async def _write(state: MasterState | MemoryState) -> list[StoredEntry]:
    pen = Pen()
    entries = [pen.write(put("node", name, node())) for name in ("a", "b", "c")]
    for number, stored in enumerate(entries, 1):
        async with state.transaction() as transaction:
            await transaction.apply(stored, Sequence(number))
    return entries


async def test_the_newest_hashes_of_the_own_copy_are_read(copy: Copy) -> None:
    hashes = [each.hash for each in copy.entries]
    assert await copy.conflicts.own_hashes(2) == {Revision(2): hashes[1], Revision(3): hashes[2]}
    assert len(await copy.conflicts.own_hashes(9)) == 3


async def test_the_own_messages_after_an_ancestor_are_read_in_order(copy: Copy) -> None:
    found = [each async for each in copy.conflicts.own_after(Revision(1))]
    assert tuple(found) == copy.messages(1)
    assert [each async for each in copy.conflicts.own_after(Revision(3))] == []


async def test_what_came_after_the_ancestor_is_kept_whole_and_once(copy: Copy) -> None:
    conflict = copy.conflict()
    assert await copy.conflicts.keep(conflict)
    assert not await copy.conflicts.keep(conflict)
    assert await copy.conflicts.all() == (conflict,)
    assert await copy.conflicts.one(conflict.id) == conflict
    assert await copy.conflicts.messages(conflict.id) == copy.messages(1)
    assert await copy.conflicts.messages(conflict.id, 1) == copy.messages(2)
    assert await copy.conflicts.messages(conflict.id, 0, 1) == copy.messages(1, 2)


async def test_a_conflict_that_was_never_kept_is_none(copy: Copy) -> None:
    assert await copy.conflicts.all() == ()
    assert await copy.conflicts.one("f" * 64) is None


async def test_a_conflict_is_resolved_once(copy: Copy) -> None:
    conflict = copy.conflict()
    await copy.conflicts.keep(conflict)
    at = UnixMillis(9)
    assert await copy.conflicts.resolve(conflict.id, "kept", "rita", at)
    assert not await copy.conflicts.resolve(conflict.id, "dropped", "sam", at)
    found = await copy.conflicts.one(conflict.id)
    assert found is not None
    assert (found.resolution, found.resolved_by) == ("kept", "rita")
