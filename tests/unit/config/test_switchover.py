"""The pen in a switchover: it is laid down between two entries, and what waits is kept."""

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from services.config.handlers import Handlers
from services.config.ports import Open
from services.config.replica import Replica
from services.config.writer import EXPECTING_SECONDS
from shared.documents import Kind
from shared.documents.state import Documents
from shared.domain.errors import NotPrimary
from shared.domain.ids import Epoch
from shared.domain.log import Op, ReplicationMode, empty_marker
from shared.events.config import PauseWrites
from shared.messaging.middleware import Silent
from tests.fakes.masters import ALPHA, GENERATION, KERNEL, Desk, Masters, wish
from tests.fakes.virtual_time import VirtualClock, pause, turn
from tests.unit.config.test_writer import LONG, accepted, ask, ops, told

if TYPE_CHECKING:
    from shared.persistence.master_state import MasterState


def test_a_pen_that_was_laid_down_writes_nothing_and_keeps_what_waits() -> None:
    async def story(site: Masters) -> None:
        marker = await site.alpha.lay_down(1)
        assert marker == site.alpha.state.marker
        asked = ask(site.alpha, wish("late"))
        await pause(5)
        assert not asked.done()
        assert site.alpha.state.marker == marker
        site.alpha.permit(1, LONG + 100)
        assert (await accepted(site, asked)).revision == marker.revision + 1

    told(story)


def test_an_entry_under_way_is_finished_before_the_pen_is_down() -> None:
    async def story(site: Masters) -> None:
        asked = ask(site.alpha, wish("early"))
        await asyncio.sleep(0)
        marker = await site.alpha.lay_down(1)
        written = [change.request_id for entry in site.history() for change in entry.changes]
        assert ("early" in written) == (marker.revision > 3)
        assert marker.revision == site.history()[-1].revision
        site.alpha.permit(1, LONG + 100)
        await accepted(site, asked)

    told(story)


def test_what_waits_is_dropped_in_silence_once_the_role_is_another_ones() -> None:
    async def story(site: Masters) -> None:
        await site.alpha.lay_down(1)
        asked = ask(site.alpha, wish("moved"))
        await turn()
        site.alpha.grant.offer(site.alpha.granted(2, VirtualClock().now()))
        site.alpha.writer.wake()
        with pytest.raises(Silent):
            await asked
        assert not site.alpha.writer.is_acting

    told(story)


def test_the_other_master_goes_on_where_the_first_stopped_and_stays_synchronous() -> None:
    async def story(site: Masters) -> None:
        marker = await site.alpha.lay_down(1)
        await site.confirm()
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        await site.confirm(site.alpha)
        began = site.history()[-1]
        assert began.revision == marker.revision + 1
        assert (began.changes[0].op, began.epoch) == (Op.EPOCH_BEGAN, 2)
        body = began.changes[0].body or {}
        assert (body["cause"], body["mode"]) == ("switchover", ReplicationMode.SYNCHRONOUS)
        assert site.bravo.writer.replica.mode is ReplicationMode.SYNCHRONOUS

    site = told(story)
    assert ops(site).count(Op.MODE_CHANGED.value) == 1


def test_a_repeat_at_the_new_primary_is_answered_with_the_recorded_result() -> None:
    async def story(site: Masters) -> None:
        first = ask(site.alpha, wish("twice"))
        answer = await accepted(site, first)
        await site.alpha.lay_down(1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        again = ask(site.bravo, wish("twice"))
        while not again.done():
            await site.confirm(site.alpha)
            await pause(0.1)
        assert (await again).revision == answer.revision

    told(story)


class CountingReplica(Replica):
    """Counts how often it reads every document, and how often it looks for the log's end."""

    readings = 0
    looks = 0

    async def catch_up(self) -> None:
        self.looks += 1
        await super().catch_up()

    async def _read(self, transaction: Open) -> Documents:
        self.readings += 1
        return await super()._read(transaction)


def counting(desk: Desk) -> CountingReplica:
    parts = desk.node, desk.key, desk.backups.trust, desk.state, desk.log
    return CountingReplica(*parts, empty_marker(GENERATION))


def test_a_copy_that_is_at_the_logs_end_reads_its_documents_once() -> None:
    async def story(site: Masters) -> None:
        await site.alpha.lay_down(1)
        await site.confirm()
        replica = counting(site.bravo)
        await replica.catch_up()
        assert replica.readings == 1
        assert replica.marker == site.alpha.state.marker

    told(story)


def test_a_copy_that_is_where_it_was_reads_no_document_again() -> None:
    async def story(site: Masters) -> None:
        await site.alpha.lay_down(1)
        await site.confirm()
        replica = counting(site.bravo)
        await replica.catch_up()
        await replica.catch_up()
        assert (replica.readings, replica.looks) == (1, 2)

    told(story)


async def hears_pause(desk: Desk, sender: Desk) -> None:
    """Config of *desk* is told that the other master stopped acting."""
    pause_ = sender.granted(1, sender.grant.valid_until).model_copy(update={"paused": True})
    await handlers_of(desk).on_grant(pause_)
    await turn()


def handlers_of(desk: Desk) -> Handlers:
    return Handlers(desk.writer, desk.backups, cast("MasterState", desk.state), desk.grant)


def watched(desk: Desk) -> CountingReplica:
    """The copy of *desk*, which counts from now on."""
    replica = counting(desk)
    desk.writer.replica = desk.backups.replica = desk.writer.answers.replica = replica
    return replica


def test_a_backup_that_saw_the_primary_stop_begins_without_a_look() -> None:
    async def story(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.alpha.lay_down(1)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        assert (replica.looks, replica.readings) == (1, 1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        assert site.bravo.writer.is_acting
        assert (replica.looks, replica.readings) == (1, 1)
        assert site.history()[-1].epoch == Epoch(2)

    told(story)


def test_a_backup_that_fell_behind_since_it_stood_ready_catches_up_first() -> None:
    async def story(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        asked = ask(site.alpha, wish("late", "lagos"))
        await turn()
        marker = await site.alpha.lay_down(1)
        site.bravo.permit(2, LONG, planned=True)
        await turn()
        assert site.bravo.writer.is_acting
        assert replica.looks == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        assert site.history()[-1].revision == marker.revision + 1
        asked.cancel()

    told(story)


def test_a_backup_that_expects_the_role_reads_what_its_follower_applies() -> None:
    async def story(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        asked = ask(site.alpha, wish("late", "lagos"))
        await turn()
        followed = await site.bravo.follow()
        await handlers_of(site.bravo).on_progress(followed)
        await handlers_of(site.bravo).on_progress(followed)
        await turn()
        assert replica.looks == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        asked.cancel()

    told(story)


def test_a_backup_that_waits_in_vain_reads_ahead_no_more() -> None:
    async def story(site: Masters) -> None:
        replica = watched(site.bravo)
        await site.confirm()
        await hears_pause(site.bravo, site.alpha)
        await pause(EXPECTING_SECONDS)
        asked = ask(site.alpha, wish("late", "lagos"))
        await turn()
        await handlers_of(site.bravo).on_progress(await site.bravo.follow())
        await turn()
        assert replica.looks == 1
        asked.cancel()

    told(story)


def test_a_copy_stands_ready_for_one_beginning() -> None:
    async def story(site: Masters) -> None:
        await site.confirm()
        replica = watched(site.bravo)
        await replica.stand_ready()
        assert replica.was_ready()
        assert not replica.was_ready()

    told(story)


def test_a_copy_that_is_behind_the_log_reads_what_it_applied() -> None:
    async def story(site: Masters) -> None:
        asked = ask(site.alpha, wish("new", "lagos"))
        await pause(0.1)
        replica = counting(site.bravo)
        await replica.catch_up()
        assert replica.readings == 2
        assert replica.documents.get(Kind.NODE, "lagos") is not None
        await accepted(site, asked)

    told(story)


def test_who_does_not_write_in_that_epoch_lays_nothing_down() -> None:
    async def story(site: Masters) -> None:
        with pytest.raises(NotPrimary):
            await site.bravo.lay_down(1)
        with pytest.raises(NotPrimary):
            await site.alpha.writer.lay_down(site.alpha.granted(2, 0.0))

    told(story)


def test_the_order_is_answered_with_where_the_log_stands() -> None:
    async def story(site: Masters) -> None:
        desk = site.alpha
        until = desk.grant.valid_until
        handlers = Handlers(desk.writer, desk.backups, cast("MasterState", desk.state), desk.grant)
        order = PauseWrites(node=ALPHA, epoch=Epoch(1), boot_id=KERNEL, valid_until=until)
        answer = await handlers.on_lay_down(order)
        marker = desk.state.marker
        assert (answer.revision, answer.hash) == (marker.revision, marker.hash)
        assert answer.mode is ReplicationMode.SYNCHRONOUS
        assert desk.grant.is_paused(VirtualClock().now())

    told(story)
