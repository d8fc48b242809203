"""The writer in a switchover: it pauses between two entries, and pending proposals are kept."""

import asyncio

import pytest

from services.config.handlers import WriteHandlers
from services.config.write.replica import Replica, StoreTransaction
from services.config.write.writer import EXPECTING_SECONDS, PAUSE_SECONDS
from shared.documents import Kind
from shared.documents.state import Documents
from shared.domain.errors import NotPrimary, StoreUnavailable
from shared.domain.ids import Epoch
from shared.domain.log import Op, ReplicationMode, empty_position
from shared.events.config import PauseWrites
from shared.events.failover import MasterGranted
from shared.messaging.middleware import Silent
from tests.fakes.masters import ALPHA, GENERATION, KERNEL, FakeMaster, Masters, proposal
from tests.fakes.virtual_time import VirtualClock, pause, turn
from tests.unit.config.test_writer import LONG, accepted, ask, ops, run_scenario


def test_a_paused_writer_writes_nothing_and_keeps_what_waits() -> None:
    async def scenario(site: Masters) -> None:
        position = await site.alpha.pause_writes(1)
        assert position == site.alpha.state.at
        asked = ask(site.alpha, proposal("late"))
        await pause(5)
        assert not asked.done()
        assert site.alpha.state.at == position
        site.alpha.permit(1, LONG + 100)
        assert (await accepted(site, asked)).revision == position.revision + 1

    run_scenario(scenario)


def test_an_entry_under_way_is_finished_before_writes_are_paused() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("early"))
        await asyncio.sleep(0)
        position = await site.alpha.pause_writes(1)
        written = [change.request_id for entry in site.history() for change in entry.changes]
        assert ("early" in written) == (position.revision > 3)
        assert position.revision == site.history()[-1].revision
        site.alpha.permit(1, LONG + 100)
        await accepted(site, asked)

    run_scenario(scenario)


def test_what_waits_is_dropped_in_silence_once_the_role_is_another_ones() -> None:
    async def scenario(site: Masters) -> None:
        await site.alpha.pause_writes(1)
        asked = ask(site.alpha, proposal("moved"))
        await turn()
        site.alpha.grant.offer(site.alpha.granted(2, VirtualClock().now()))
        site.alpha.writer.wake()
        with pytest.raises(Silent):
            await asked
        assert not site.alpha.writer.is_acting

    run_scenario(scenario)


def test_the_other_master_goes_on_where_the_first_stopped_and_stays_synchronous() -> None:
    async def scenario(site: Masters) -> None:
        position = await site.alpha.pause_writes(1)
        await site.confirm()
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        await site.confirm(site.alpha)
        began = site.history()[-1]
        assert began.revision == position.revision + 1
        assert (began.changes[0].op, began.epoch) == (Op.EPOCH_BEGAN, 2)
        body = began.changes[0].body or {}
        assert (body["cause"], body["mode"]) == ("switchover", ReplicationMode.SYNCHRONOUS)
        assert site.bravo.writer.replica.mode is ReplicationMode.SYNCHRONOUS

    site = run_scenario(scenario)
    assert ops(site).count(Op.MODE_CHANGED.value) == 1


def test_a_repeat_at_the_new_primary_is_answered_with_the_recorded_result() -> None:
    async def scenario(site: Masters) -> None:
        first = ask(site.alpha, proposal("twice"))
        answer = await accepted(site, first)
        await site.alpha.pause_writes(1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        again = ask(site.bravo, proposal("twice"))
        while not again.done():
            await site.confirm(site.alpha)
            await pause(0.1)
        assert (await again).revision == answer.revision

    run_scenario(scenario)


class CountingReplica(Replica):
    """Counts how often it reads every document, and how often it looks for the log's end."""

    readings = 0
    looks = 0

    async def catch_up(self) -> None:
        self.looks += 1
        await super().catch_up()

    async def _read(self, transaction: StoreTransaction) -> Documents:
        self.readings += 1
        return await super()._read(transaction)


def counting(master: FakeMaster) -> CountingReplica:
    replica = master.writer.replica
    parts = replica.signer, replica.trust, replica.state, replica.log, replica.permission
    return CountingReplica(*parts, empty_position(GENERATION))


def test_a_copy_that_is_at_the_logs_end_reads_its_documents_once() -> None:
    async def scenario(site: Masters) -> None:
        await site.alpha.pause_writes(1)
        await site.confirm()
        replica = counting(site.bravo)
        await replica.catch_up()
        assert replica.readings == 1
        assert replica.position == site.alpha.state.at

    run_scenario(scenario)


def test_a_copy_that_is_where_it_was_reads_no_document_again() -> None:
    async def scenario(site: Masters) -> None:
        await site.alpha.pause_writes(1)
        await site.confirm()
        replica = counting(site.bravo)
        await replica.catch_up()
        await replica.catch_up()
        assert (replica.readings, replica.looks) == (1, 2)

    run_scenario(scenario)


async def hears_pause(master: FakeMaster, sender: FakeMaster) -> None:
    """Config of *master* is told that the other master stopped acting."""
    pause_ = sender.granted(1, sender.grant.valid_until).model_copy(update={"paused": True})
    await master.writer.accept_grant(pause_)
    await turn()


def handlers_of(master: FakeMaster) -> WriteHandlers:
    return WriteHandlers(master.writer)


def watched(master: FakeMaster) -> CountingReplica:
    """The copy of *master*, which counts from now on."""
    replica = counting(master)
    acknowledgements = master.acknowledgements
    master.writer.replica = acknowledgements.replica = acknowledgements.backups.replica = replica
    return replica


def test_a_backup_that_saw_the_primary_stop_begins_without_a_look() -> None:
    async def scenario(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.alpha.pause_writes(1)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        assert (replica.looks, replica.readings) == (1, 1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        assert site.bravo.writer.is_acting
        assert (replica.looks, replica.readings) == (1, 1)
        assert site.history()[-1].epoch == Epoch(2)

    run_scenario(scenario)


def test_a_backup_that_fell_behind_since_it_stood_ready_catches_up_first() -> None:
    async def scenario(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        asked = ask(site.alpha, proposal("late", "lagos"))
        await turn()
        position = await site.alpha.pause_writes(1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        assert site.bravo.writer.is_acting
        assert replica.looks == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        assert site.history()[-1].revision == position.revision + 1
        asked.cancel()

    run_scenario(scenario)


def test_a_backup_that_expects_the_role_reads_what_its_follower_applies() -> None:
    async def scenario(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        asked = ask(site.alpha, proposal("late", "lagos"))
        await turn()
        followed = await site.bravo.follow()
        await handlers_of(site.bravo).on_progress(followed)
        await handlers_of(site.bravo).on_progress(followed)
        await turn()
        assert replica.looks == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        asked.cancel()

    run_scenario(scenario)


def test_a_backup_that_waits_in_vain_reads_ahead_no_more() -> None:
    async def scenario(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        await pause(EXPECTING_SECONDS)
        asked = ask(site.alpha, proposal("late", "lagos"))
        await turn()
        await handlers_of(site.bravo).on_progress(await site.bravo.follow())
        await turn()
        assert replica.looks == 1
        asked.cancel()

    run_scenario(scenario)


def test_a_copy_stands_ready_for_one_beginning() -> None:
    async def scenario(site: Masters) -> None:
        await site.confirm()
        replica = watched(site.bravo)
        await replica.prepare_for_role()
        assert replica.use_readiness()
        assert not replica.use_readiness()

    run_scenario(scenario)


def test_a_copy_that_is_behind_the_log_reads_what_it_applied() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("new", "lagos"))
        await pause(0.1)
        replica = counting(site.bravo)
        await replica.catch_up()
        assert replica.readings == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        await accepted(site, asked)

    run_scenario(scenario)


def paused(master: FakeMaster, epoch: int) -> MasterGranted:
    grant = master.granted(epoch, master.grant.valid_until)
    return grant.model_copy(update={"paused": True})


def test_a_master_that_goes_on_or_is_granted_another_epoch_refuses_to_pause() -> None:
    async def scenario(site: Masters) -> None:
        order = paused(site.alpha, 1)
        site.alpha.permit(1, LONG + 100)
        with pytest.raises(NotPrimary):
            await site.alpha.writer.pause_writes(order)
        site.alpha.permit(2, LONG)
        with pytest.raises(NotPrimary):
            await site.alpha.writer.pause_writes(paused(site.alpha, 1))

    run_scenario(scenario)


def test_a_master_that_never_wrote_in_that_epoch_pauses_and_says_that_it_had_not_begun() -> None:
    async def scenario(site: Masters) -> None:
        assert not (await site.bravo.writer.pause_writes(paused(site.bravo, 1))).has_begun
        assert not (await site.alpha.writer.pause_writes(paused(site.alpha, 2))).has_begun
        assert site.alpha.writer.replica.position.epoch == 1

    run_scenario(scenario)


def test_a_master_whose_writer_failed_pauses_and_says_that_it_had_not_begun() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.state.is_down = True
        asked = ask(site.alpha, proposal("1"))
        with pytest.raises(StoreUnavailable):
            await asked
        order = PauseWrites.model_validate(paused(site.alpha, 1).model_dump())
        assert not (await handlers_of(site.alpha).on_pause_writes(order)).has_begun
        site.alpha.state.is_down = False
        await pause(5)
        assert not site.alpha.writer.is_acting

    run_scenario(scenario)


def test_a_turn_that_hangs_on_the_database_costs_the_answer_to_a_pause_and_no_more() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.state.is_locked = True
        asked = ask(site.alpha, proposal("1"))
        await turn()
        before, order = VirtualClock().now(), paused(site.alpha, 1)
        with pytest.raises(Silent):
            await site.alpha.writer.pause_writes(order)
        assert VirtualClock().now() - before <= PAUSE_SECONDS
        site.alpha.state.is_locked = False
        await pause(1)
        assert (await site.alpha.writer.pause_writes(order)).hash == site.alpha.state.at.hash
        assert not asked.done(), "the entry was not sent: the grant ended while the turn hung"
        assert site.history()[-1].revision == site.alpha.state.at.revision

    run_scenario(scenario)


def test_the_order_is_answered_with_where_the_log_stands() -> None:
    async def scenario(site: Masters) -> None:
        master = site.alpha
        until = master.grant.valid_until
        order = PauseWrites(node=ALPHA, epoch=Epoch(1), boot_id=KERNEL, valid_until=until)
        answer = await handlers_of(master).on_pause_writes(order)
        position = master.state.at
        assert (answer.revision, answer.hash) == (position.revision, position.hash)
        assert answer.mode is ReplicationMode.SYNCHRONOUS
        assert master.grant.is_paused(VirtualClock().now())

    run_scenario(scenario)
