"""The writer: when it writes, what it answers, and when it stays silent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.config.core.commit import digest_of
from services.config.write.writer import IDLE_SECONDS
from shared.domain.errors import (
    InvalidChange,
    LogUnavailable,
    MeridianError,
    NotPrimary,
    OutcomeUnknown,
    RequestReused,
    StoreUnavailable,
)
from shared.domain.ids import Epoch, RequestId
from shared.domain.log import Op, ReplicationMode
from shared.events.config import (
    ChangesAccepted,
    ProposeChanges,
    ProposedChange,
    ReplicationModeChanged,
)
from shared.messaging.middleware import Silent
from tests.fakes.cluster_log import LATE_SECONDS, AppendFault
from tests.fakes.masters import FakeMaster, Masters, proposal
from tests.fakes.virtual_time import pause, run, turn
from tests.integration.entries import delete

LONG = 1_000.0
Scenario = Callable[[Masters], Awaitable[None]]
Asked = asyncio.Task[ChangesAccepted]


def run_scenario(scenario: Scenario, **rules: object) -> Masters:
    """Run *scenario* with alpha as the primary of epoch 1 and both copies at the log's end."""

    async def whole() -> Masters:
        site = Masters.found(**rules)
        async with site.writing():
            site.alpha.permit(1, LONG)
            await turn()
            await site.confirm()
            await turn()
            await site.confirm()
            assert site.alpha.writer.is_acting
            assert site.alpha.writer.replica.mode is ReplicationMode.SYNCHRONOUS
            await scenario(site)
        return site

    return run(whole())


def ask(master: FakeMaster, proposal: ProposeChanges) -> Asked:
    return asyncio.create_task(master.propose(proposal))


async def accepted(site: Masters, asked: Asked) -> ChangesAccepted:
    """The answer, with a backup that follows."""
    while not asked.done():
        await site.confirm()
        await pause(0.1)
    return await asked


async def refused(asked: Asked) -> MeridianError:
    with pytest.raises(MeridianError) as caught:
        await asked
    return caught.value


def append_faults(*coming: AppendFault) -> Callable[[], AppendFault]:
    """These, one an append, and fine days ever after."""
    left = list(coming)
    return lambda: left.pop(0) if left else AppendFault.FINE


def acting(site: Masters) -> list[FakeMaster]:
    """The masters that may write as far as they know; the log decides."""
    return [master for master in site.nodes if master.writer.is_acting]


def ops(site: Masters) -> list[str]:
    return [change.op.value for entry in site.history() for change in entry.changes]


def test_a_new_primary_begins_its_epoch_before_anything_else_and_says_why() -> None:
    async def scenario(site: Masters) -> None:
        began = site.history()[1]
        assert [change.op for change in began.changes] == [Op.EPOCH_BEGAN]
        assert began.epoch == 1
        assert began.changes[0].body == {
            "node": "alpha",
            "cause": "founding",
            "previous_epoch": 0,
            "mode": "degraded",
        }
        attached = site.history()[2]
        assert attached.changes[0].op is Op.MODE_CHANGED
        assert attached.changes[0].body == {"mode": "synchronous"}

    run_scenario(scenario)


def test_a_change_is_answered_when_the_backup_has_it() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await turn()
        assert site.alpha.state.at.revision == 4
        assert not asked.done()
        await site.confirm()
        await turn()
        answer = await asked
        assert answer.revision == 4
        assert answer.durable_on == ("alpha", "bravo")
        assert answer.mode is ReplicationMode.SYNCHRONOUS

    run_scenario(scenario)


def test_a_master_without_a_grant_stays_silent() -> None:
    async def scenario(site: Masters) -> None:
        with pytest.raises(Silent):
            await site.bravo.propose(proposal("1"))
        assert site.bravo.log.appends == 0

    run_scenario(scenario)


def test_what_waits_together_is_one_entry_and_one_event_for_each_author() -> None:
    async def scenario(site: Masters) -> None:
        first = ask(site.alpha, proposal("1", "berlin", "rita"))
        second = ask(site.alpha, proposal("2", "denver", "anna"))
        wrong = ask(site.alpha, proposal("3", "NO NAME"))
        assert isinstance(await refused(wrong), InvalidChange)
        answers = [await accepted(site, each) for each in (first, second)]
        assert [each.revision for each in answers] == [4, 4]
        assert [(each.author, each.changed) for each in site.alpha.recorded.changes] == [
            ("rita", ("node/berlin",)),
            ("anna", ("node/denver",)),
        ]

    run_scenario(scenario)


def test_a_silent_backup_is_detached_in_the_log_before_the_answer() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await pause(1.9)
        assert not asked.done()
        await pause(0.2)
        answer = await asked
        assert answer.durable_on == ("alpha",)
        assert answer.mode is ReplicationMode.DEGRADED
        assert site.history()[-1].changes[0].body == {"mode": "degraded"}
        assert site.history()[-1].revision == answer.revision + 1
        detached = [e for e in site.alpha.recorded.events if isinstance(e, ReplicationModeChanged)]
        assert [(e.previous, e.mode, e.cause) for e in detached] == [
            (
                ReplicationMode.DEGRADED,
                ReplicationMode.SYNCHRONOUS,
                "the backup has every entry",
            ),
            (ReplicationMode.SYNCHRONOUS, ReplicationMode.DEGRADED, "the backup is silent"),
        ]

    run_scenario(scenario, sync_timeout_seconds=2.0)


def test_a_silent_backup_is_detached_as_soon_as_its_time_is_over() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await pause(IDLE_SECONDS / 2)
        assert asked.done()
        assert (await asked).mode is ReplicationMode.DEGRADED

    run_scenario(scenario, sync_timeout_seconds=IDLE_SECONDS / 3)


def test_without_a_backup_changes_go_on_at_once() -> None:
    async def scenario(site: Masters) -> None:
        await ask(site.alpha, proposal("1"))
        again = ask(site.alpha, proposal("2", "denver"))
        await turn()
        assert (await again).mode is ReplicationMode.DEGRADED

    run_scenario(scenario)


def test_a_backup_that_confirms_at_the_last_moment_is_not_detached() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await pause(1.99)
        site.alpha.acknowledgements.record_progress(await site.bravo.follow())
        await pause(0.1)
        assert (await asked).durable_on == ("alpha", "bravo")
        assert ops(site)[-1] == "put"

    run_scenario(scenario)


def test_a_backup_that_is_back_at_the_end_is_attached_again() -> None:
    async def scenario(site: Masters) -> None:
        await ask(site.alpha, proposal("1"))
        await site.confirm()
        await turn()
        assert site.history()[-1].changes[0].body == {"mode": "synchronous"}
        answer = await accepted(site, ask(site.alpha, proposal("2")))
        assert answer.durable_on == ("alpha", "bravo")

    run_scenario(scenario)


def test_a_repeat_is_answered_with_the_recorded_revision_and_written_once() -> None:
    async def scenario(site: Masters) -> None:
        first = await accepted(site, ask(site.alpha, proposal("1")))
        again = await accepted(site, ask(site.alpha, proposal("1")))
        assert again.revision == first.revision
        assert ops(site).count("put") == 4 + 1

    run_scenario(scenario)


def test_a_repeat_waits_for_the_backup_like_the_change_itself() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.log.faults = append_faults(AppendFault.ANSWER_LOST)
        assert isinstance(await refused(ask(site.alpha, proposal("1"))), OutcomeUnknown)
        again = ask(site.alpha, proposal("1"))
        await pause(0.5)
        assert site.alpha.state.at.revision == 4
        assert not again.done()
        assert (await accepted(site, again)).durable_on == ("alpha", "bravo")

    run_scenario(scenario)


def test_who_repeats_while_the_first_waits_gets_the_same_answer() -> None:
    async def scenario(site: Masters) -> None:
        both = [ask(site.alpha, proposal("1")), ask(site.alpha, proposal("1"))]
        assert {(await accepted(site, each)).revision for each in both} == {4}

    run_scenario(scenario)


def test_a_request_id_is_not_used_for_another_change() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await turn()
        assert isinstance(await refused(ask(site.alpha, proposal("1", "tokyo"))), RequestReused)
        await accepted(site, asked)
        assert isinstance(await refused(ask(site.alpha, proposal("1", "tokyo"))), RequestReused)

    run_scenario(scenario)


@pytest.mark.parametrize("fault", [AppendFault.LOST, AppendFault.LATE, AppendFault.ANSWER_LOST])
def test_an_append_without_an_answer_is_unknown_and_then_made_once(fault: AppendFault) -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.log.faults = append_faults(fault)
        error = await refused(ask(site.alpha, proposal("1")))
        assert isinstance(error, OutcomeUnknown)
        answer = await accepted(site, ask(site.alpha, proposal("1")))
        await pause(LATE_SECONDS)
        await site.confirm()
        puts = [each for each in site.history() for c in each.changes if c.request_id == "1"]
        assert [each.revision for each in puts] == [answer.revision]

    run_scenario(scenario)


def test_without_a_leader_nothing_was_written_and_that_is_what_is_reported() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.log.faults = append_faults(AppendFault.NO_LEADER)
        assert type(await refused(ask(site.alpha, proposal("1")))) is LogUnavailable
        await accepted(site, ask(site.alpha, proposal("1")))

    run_scenario(scenario)


def test_a_primary_that_was_overtaken_in_the_log_writes_nothing_more() -> None:
    async def scenario(site: Masters) -> None:
        site.bravo.permit(2, LONG)
        await turn()
        assert site.bravo.writer.is_acting
        asked = ask(site.alpha, proposal("1"))
        await pause(1)
        assert not site.alpha.writer.is_acting
        assert not asked.done()
        assert {entry.epoch for entry in site.history()[3:]} == {2}
        asked.cancel()

    run_scenario(scenario)


def test_the_next_primary_answers_for_what_the_last_one_wrote() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.log.faults = append_faults(AppendFault.ANSWER_LOST)
        await refused(ask(site.alpha, proposal("1")))
        end = site.alpha.permit(1, 0.5)
        await pause(0.6)
        assert end > 0
        site.bravo.permit(2, LONG)
        answer = await ask(site.bravo, proposal("1"))
        assert answer.revision == 4
        assert answer.durable_on == ("bravo",)
        assert site.history()[-1].changes[0].body == {
            "node": "bravo",
            "cause": "takeover",
            "previous_epoch": 1,
            "mode": "degraded",
        }

    shortened(scenario)


def shortened(scenario: Scenario, **rules: object) -> None:
    """Run *scenario* with a primary whose grant can end before the test does."""

    async def whole() -> None:
        site = Masters.found(**rules)
        async with site.writing():
            for _ in range(3):
                site.alpha.permit(1, 0.4)
                await turn()
                await site.confirm()
            await scenario(site)

    run(whole())


def test_an_answer_is_not_sent_after_the_grant_has_ended() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await pause(0.5)
        assert site.alpha.state.at.revision == 4
        await site.confirm()
        assert isinstance(await refused(asked), OutcomeUnknown)

    shortened(scenario)


def test_an_entry_of_an_epoch_that_is_not_granted_is_not_appended() -> None:
    async def scenario(site: Masters) -> None:
        await pause(0.5)
        replica, before = site.alpha.writer.replica, site.alpha.state.at
        with pytest.raises(NotPrimary, match="before the append"):
            await replica.append((delete("node", "berlin"),), Epoch(1))
        assert site.alpha.state.at == before
        assert len(site.log.messages) == before.sequence

    shortened(scenario)


def test_who_waits_in_vain_for_the_backup_of_a_master_without_a_role_is_reported() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        await pause(5)
        error = await refused(asked)
        assert isinstance(error, OutcomeUnknown)
        assert ops(site)[-1] == "put"

    shortened(scenario)


def test_a_master_without_a_role_is_silent() -> None:
    async def scenario(site: Masters) -> None:
        await pause(0.5)
        for master in site.nodes:
            with pytest.raises(Silent):
                await master.propose(proposal("1"))

    shortened(scenario)


def test_an_entry_that_the_database_refused_is_applied_from_the_log() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.state.refusals = 1
        answer = await accepted(site, ask(site.alpha, proposal("1")))
        assert answer.revision == 4
        assert site.alpha.log.appends == 2 + 1
        assert site.alpha.state.at.revision == 4

    run_scenario(scenario)


def test_a_database_that_is_gone_is_reported_and_not_waited_for() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.state.is_down = True
        assert isinstance(await refused(ask(site.alpha, proposal("1"))), StoreUnavailable)
        site.alpha.state.is_down = False
        await accepted(site, ask(site.alpha, proposal("1")))

    run_scenario(scenario)


def test_a_change_that_the_database_never_takes_does_not_hold_up_the_others() -> None:
    async def scenario(site: Masters) -> None:
        site.alpha.state.refusals = 1_000
        asked = ask(site.alpha, proposal("1"))
        assert isinstance(await refused(asked), OutcomeUnknown)
        site.alpha.state.refusals = 0
        await accepted(site, ask(site.alpha, proposal("2", "denver")))

    run_scenario(scenario)


def test_a_database_with_another_history_extends_nothing() -> None:
    async def scenario(site: Masters) -> None:
        site.bravo.state.moved(hash="f" * 64)
        before = len(site.log.messages)
        site.bravo.permit(2, LONG)
        error = await refused(ask(site.bravo, proposal("1")))
        assert error.message == "the cluster log does not hold this database's last entry"
        assert len(site.log.messages) == before

    run_scenario(scenario)


def test_a_reader_that_is_behind_costs_a_conflict_and_nothing_else() -> None:
    async def scenario(site: Masters) -> None:
        site.bravo.log.stale_by = 1
        site.bravo.state.here = type(site.bravo.state.here)(Masters.found().bravo.state.at)
        site.bravo.permit(2, LONG)
        await turn()
        assert acting(site) == [site.alpha]
        site.bravo.log.stale_by = 0
        await pause(1)
        assert acting(site) == [site.alpha, site.bravo]
        assert [entry.revision for entry in site.history()] == [1, 2, 3, 4]

    run_scenario(scenario)


def strict(durability: str) -> dict[str, Any]:
    return {"name": "test.example", "replication": {"durability": durability}}


def test_strict_takes_no_change_after_a_backup_was_missed_until_one_is_back() -> None:
    async def scenario(site: Masters) -> None:
        assert isinstance(await refused(ask(site.alpha, proposal("1"))), OutcomeUnknown)
        assert isinstance(await refused(ask(site.alpha, proposal("2", "denver"))), StoreUnavailable)
        assert isinstance(await refused(ask(site.alpha, proposal("1"))), OutcomeUnknown)
        await site.confirm()
        await turn()
        answer = await accepted(site, ask(site.alpha, proposal("2", "denver")))
        assert answer.durable_on == ("alpha", "bravo")

    run_scenario(scenario, durability="strict")


def test_strict_takes_no_change_after_a_takeover_until_a_backup_is_attached() -> None:
    async def scenario(site: Masters) -> None:
        await pause(0.6)
        site.bravo.permit(2, LONG)
        await turn()
        assert site.bravo.writer.is_acting
        assert isinstance(await refused(ask(site.bravo, proposal("1"))), StoreUnavailable)
        await site.confirm(site.alpha)
        await turn()
        waiting = ask(site.bravo, proposal("1"))
        await turn()
        assert not waiting.done(), "one that is attached is waited for"
        await site.confirm(site.alpha)
        answer = await waiting
        assert answer.durable_on == ("bravo", "alpha")

    shortened(scenario, durability="strict")


def test_strict_answers_nothing_that_the_backup_has_not_also_when_it_says_it_is_far() -> None:
    async def scenario(site: Masters) -> None:
        waiting = ask(site.alpha, proposal("1"))
        await turn()
        site.alpha.writer.record_progress(site.bravo.position(revision=99, hash="f" * 64))
        assert isinstance(await refused(waiting), OutcomeUnknown)
        assert site.alpha.writer.replica.mode is ReplicationMode.DEGRADED

    run_scenario(scenario, durability="strict")


def test_a_position_that_its_backup_did_not_sign_confirms_nothing() -> None:
    async def scenario(site: Masters) -> None:
        waiting = ask(site.alpha, proposal("1"))
        await turn()
        report = await site.bravo.follow()
        forged = report.model_copy(update={"signature": "00" * 64})
        site.alpha.acknowledgements.record_progress(forged)
        await turn()
        assert not waiting.done()
        site.alpha.acknowledgements.record_progress(report)
        assert (await waiting).durable_on == ("alpha", "bravo")

    run_scenario(scenario)


def test_strict_is_left_without_a_backup_by_saying_so() -> None:
    async def scenario(site: Masters) -> None:
        await refused(ask(site.alpha, proposal("1")))
        change = ProposedChange(kind="site", id="site", op="put", body=strict("synchronous"))
        relaxed = proposal("2").model_copy(update={"changes": (change,)})
        assert (await ask(site.alpha, relaxed)).mode is ReplicationMode.DEGRADED
        assert (await ask(site.alpha, proposal("3"))).durable_on == ("alpha",)

    run_scenario(scenario, durability="strict")


def test_an_entry_of_a_stranger_is_skipped_and_built_upon() -> None:
    async def scenario(site: Masters) -> None:
        site.log.put(b"no entry at all")
        asked = ask(site.alpha, proposal("1"))
        await pause(1)
        assert site.alpha.writer.replica.end == len(site.log.messages)
        assert site.alpha.state.at.sequence == len(site.log.messages)
        assert site.alpha.state.here.requests[RequestId("1")].digest == digest_of(proposal("1"))
        asked.cancel()

    run_scenario(scenario)


def test_the_log_extended_by_another_is_no_error_of_the_one_who_asks() -> None:
    async def scenario(site: Masters) -> None:
        asked = ask(site.alpha, proposal("1"))
        assert (await accepted(site, asked)).revision == 4

    run_scenario(scenario)
