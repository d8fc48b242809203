"""Whose view a read is: any master's, or the primary's, which answers only while it is that."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from services.config.handlers import ReadHandlers
from shared.documents import Kind
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Revision
from shared.domain.log import LogPosition
from shared.events.config import ReadCurrent, ReadDocuments
from shared.messaging.middleware import Silent
from tests.fakes.master_state import MemoryState, MemoryTransaction
from tests.fakes.masters import FakeMaster, Masters
from tests.fakes.virtual_time import pause
from tests.unit.config.test_writer import LONG, run_scenario

if TYPE_CHECKING:
    from shared.persistence.master_state import MasterState, State

A_READ = 0.5


@dataclass
class SlowState:
    """A database that takes half a second for a read."""

    inner: MemoryState

    async def position(self) -> LogPosition:
        return self.inner.at

    def view(self) -> AbstractAsyncContextManager[MemoryTransaction]:
        return self.inner.view()

    async def read(self, kinds: Sequence[str], id_: str | None, part: object) -> "State":
        del part
        found = await self.inner.read(kinds, id_)
        await pause(A_READ)
        return found


def handlers(master: FakeMaster) -> ReadHandlers:
    state = cast("MasterState", SlowState(master.state))
    return ReadHandlers(master.writer, state)


CURRENT = ReadCurrent(kinds=(Kind.USER,), id="admin")


def test_any_master_answers_for_what_it_has() -> None:
    async def scenario(site: Masters) -> None:
        await site.bravo.follow()
        found = await handlers(site.bravo).on_read(ReadDocuments(kinds=(Kind.USER,), id="admin"))
        assert [each.id for each in found.documents] == ["admin"]

    run_scenario(scenario)


def test_the_primary_alone_answers_for_what_is_now() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.permit(1, LONG)
        await pause(0.1)
        found = await handlers(site.alpha).on_read_current(CURRENT)
        assert [each.id for each in found.documents] == ["admin"]
        with pytest.raises(Silent):
            await handlers(site.bravo).on_read_current(CURRENT)

    run_scenario(scenario)


def test_a_primary_whose_grant_ends_while_it_reads_does_not_answer() -> None:
    async def scenario(site: Masters) -> None:
        await pause(LONG + 100)
        site.alpha.permit(1, A_READ / 2)
        await pause(0.01)
        assert site.alpha.writer.is_acting
        with pytest.raises(Silent):
            await handlers(site.alpha).on_read_current(CURRENT)

    run_scenario(scenario)


def test_a_revision_that_does_not_come_is_waited_for_and_then_refused() -> None:
    async def scenario(site: Masters) -> None:
        await site.bravo.follow()
        question = ReadDocuments(at_least=Revision(site.bravo.state.at.revision + 1))
        with pytest.raises(StoreUnavailable, match="has not arrived here yet"):
            await handlers(site.bravo).on_read(question)

    run_scenario(scenario)


def test_a_master_that_is_asked_beside_others_is_silent_when_its_database_fails() -> None:
    async def scenario(site: Masters) -> None:
        await site.bravo.follow()
        revision = Revision(site.bravo.state.at.revision)
        beside_others = ReadCurrent(kinds=(Kind.USER,), id="admin", current=False)
        found = await handlers(site.bravo).on_read_current(beside_others)
        assert [each.id for each in found.documents] == ["admin"]
        late = beside_others.model_copy(update={"at_least": Revision(revision + 1)})
        with pytest.raises(Silent):
            await handlers(site.bravo).on_read_current(late)

    run_scenario(scenario)
