"""What a probe of a database promises: it commits, changes nothing, and waits for no append."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from shared.domain.ids import Sequence
from shared.persistence.commit_probe import CommitProbe
from shared.persistence.master_state import MasterState
from tests.contract.servers import MEMORY, POSTGRES, database
from tests.fakes.master_state import MemoryState
from tests.integration.entries import CLUSTER, GENERATION, EntryWriter, node, put


@dataclass(frozen=True)
class Probed:
    """A founded database and its probe."""

    state: MasterState | MemoryState
    probe: CommitProbe | MemoryState


@pytest_asyncio.fixture(params=[MEMORY, POSTGRES])
async def probed(request: pytest.FixtureRequest) -> AsyncGenerator[Probed]:
    if request.param == MEMORY:
        state = MemoryState()
        yield Probed(state, state)
        return
    async with database(request) as pool:
        real = MasterState(pool)
        assert await real.found(CLUSTER, GENERATION)
        yield Probed(real, CommitProbe(pool))


async def test_a_probe_commits_and_changes_nothing(probed: Probed) -> None:
    async with probed.state.transaction() as transaction:
        await transaction.apply(EntryWriter().write(put("node", "a", node())), Sequence(1))
    before = await probed.state.read()
    for _ in range(3):
        await probed.probe.probe_commit()
    assert await probed.state.read() == before


async def test_a_probe_waits_for_no_transaction_that_is_under_way(probed: Probed) -> None:
    async with probed.state.transaction() as transaction:
        await transaction.apply(EntryWriter().write(put("node", "a", node())), Sequence(1))
        async with asyncio.timeout(3):
            await probed.probe.probe_commit()
