"""When the address is led and tried again, and that nobody leads it for a role that ended."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.failover_monitor.redirection.core import (
    ATTEMPTS,
    CancelAttempt,
    DesiredState,
    Effect,
    Progress,
    Reconciler,
    RedirectionAttempt,
    Release,
    ReportProgress,
)
from shared.documents.redirection import Redirection, RedirectionMethod
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.redirection import RedirectionState

SETTING = Redirection(method=RedirectionMethod.HOOK)
DESIRED = DesiredState("support.example.com", NodeId("alpha"), Epoch(3), SETTING)
LATER = replace(DESIRED, epoch=Epoch(5))
PENDING, DONE = RedirectionState.PENDING, RedirectionState.DONE
FAILING, NONE = RedirectionState.FAILING, RedirectionState.NONE


def at(seconds: float) -> Instant:
    return Instant(seconds)


def begun(desired: DesiredState = DESIRED) -> Reconciler:
    """A core whose first attempt is under way since second 0."""
    core = Reconciler()
    core.set_desired(desired, at(0))
    assert core.tick(at(0)) == (RedirectionAttempt(desired),)
    return core


def test_without_a_desired_state_nothing_is_due() -> None:
    core = Reconciler()

    assert core.deadline() is None
    assert core.tick(at(9)) == ()
    assert core.progress == Progress()


def test_a_new_desired_state_is_reported_and_attempted_at_once() -> None:
    core = Reconciler()

    report = core.set_desired(DESIRED, at(1))

    assert report == (ReportProgress(Progress(), Progress(PENDING, Epoch(3)), DESIRED),)
    assert core.deadline() == at(1)
    assert core.tick(at(1)) == (RedirectionAttempt(DESIRED),)


def test_while_an_attempt_is_under_way_there_is_no_other() -> None:
    core = begun()

    assert core.deadline() is None
    assert core.tick(at(100)) == ()


def test_what_succeeded_is_reported_and_never_repeated() -> None:
    core = begun()

    assert core.attempt_ended(None, at(1)) == (
        ReportProgress(Progress(PENDING, Epoch(3)), Progress(DONE, Epoch(3)), DESIRED),
    )
    assert core.set_desired(DESIRED, at(2)) == ()
    assert core.deadline() is None


def test_what_failed_is_reported_with_its_cause_and_retried() -> None:
    core = begun()

    assert core.attempt_ended("nobody answers", at(1)) == (
        ReportProgress(
            Progress(PENDING, Epoch(3)), Progress(FAILING, Epoch(3), 1, "nobody answers"), DESIRED
        ),
    )
    assert core.tick(at(1.9)) == ()
    assert core.tick(at(2)) == (RedirectionAttempt(DESIRED),)


def test_the_same_failure_is_reported_once_and_counted_each_time() -> None:
    core = begun()
    core.attempt_ended("nobody answers", at(1))
    core.tick(at(2))

    assert core.attempt_ended("nobody answers", at(3)) == ()
    assert core.progress.attempts == 2
    assert core.deadline() == at(5)


def test_another_failure_is_reported() -> None:
    core = begun()
    core.attempt_ended("nobody answers", at(1))
    core.tick(at(2))

    report = core.attempt_ended("it refuses", at(3))

    assert [each.after.cause for each in report if isinstance(each, ReportProgress)] == [
        "it refuses"
    ]


def test_pauses_double_up_to_a_minute() -> None:
    pauses = [ATTEMPTS.pause_seconds(attempts) for attempts in range(1, 9)]

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert ATTEMPTS.pause_seconds(100_000) == ATTEMPTS.longest_seconds


def test_success_after_failures_is_reported() -> None:
    core = begun()
    core.attempt_ended("nobody answers", at(1))
    core.tick(at(2))

    (report,) = core.attempt_ended(None, at(3))

    assert isinstance(report, ReportProgress)
    assert (report.before.state, report.after) == (FAILING, Progress(DONE, Epoch(3)))


def test_when_the_role_ends_the_attempt_is_stopped() -> None:
    core = begun()

    stop, report = core.set_desired(None, at(1))

    assert stop == CancelAttempt()
    assert isinstance(report, ReportProgress)
    assert report.after == Progress()


def test_an_attempt_is_stopped_once() -> None:
    core = begun()
    core.set_desired(None, at(1))

    assert CancelAttempt() not in core.set_desired(LATER, at(2))


def test_a_new_desired_state_waits_until_the_stopped_attempt_has_ended() -> None:
    core = begun()
    core.set_desired(LATER, at(1))
    assert core.tick(at(1)) == ()

    assert core.attempt_ended("it was stopped", at(2)) == ()
    assert core.progress == Progress(PENDING, Epoch(5))
    assert core.tick(at(2)) == (RedirectionAttempt(LATER),)


def test_a_stopped_attempt_counts_as_no_failure_of_the_same_desired_state() -> None:
    core = begun()
    core.set_desired(None, at(1))
    core.set_desired(DESIRED, at(2))

    assert core.attempt_ended("it was stopped", at(3)) == ()
    assert core.progress == Progress(PENDING, Epoch(3))
    assert core.tick(at(3)) == (RedirectionAttempt(DESIRED),)


def test_a_stopped_attempt_that_succeeded_all_the_same_is_not_repeated() -> None:
    core = begun()
    core.set_desired(None, at(1))
    core.set_desired(DESIRED, at(2))

    core.attempt_ended(None, at(3))

    assert core.progress.state is DONE
    assert core.deadline() is None


def test_a_lease_that_is_resumed_in_its_epoch_redirects_nothing_anew() -> None:
    core = begun()
    core.attempt_ended(None, at(1))
    core.set_desired(None, at(2))

    core.set_desired(DESIRED, at(3))

    assert core.progress.state is DONE
    assert core.deadline() is None


def test_a_new_epoch_is_redirected_although_the_last_one_was() -> None:
    core = begun()
    core.attempt_ended(None, at(1))
    core.set_desired(None, at(2))
    core.set_desired(LATER, at(3))

    assert core.tick(at(3)) == (RedirectionAttempt(LATER),)


def test_another_setting_in_the_same_epoch_is_another_desired_state() -> None:
    core = begun()
    core.attempt_ended(None, at(1))
    other = replace(DESIRED, setting=SETTING.model_copy(update={"time_limit_seconds": 3.0}))
    core.set_desired(other, at(2))

    assert core.tick(at(2)) == (RedirectionAttempt(other),)


def test_what_it_says_of_itself_names_the_cause() -> None:
    core = begun()
    core.attempt_ended("nobody answers", at(1))

    assert core.describe() == "failing in epoch 3, 1 attempts: nobody answers"


LASTING = replace(DESIRED, again_seconds=60.0)


def test_what_can_be_corrected_is_done_again_and_reported_once() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))

    assert core.tick(at(60)) == ()
    assert core.tick(at(61)) == (RedirectionAttempt(LASTING),)
    assert core.attempt_ended(None, at(62)) == ()
    assert core.deadline() == at(122)


def test_what_fails_when_it_is_done_again_is_reported_and_counted_anew() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))
    core.tick(at(61))

    (report,) = core.attempt_ended("it refuses", at(62))

    assert isinstance(report, ReportProgress)
    assert (report.before.state, report.after) == (
        DONE,
        Progress(FAILING, Epoch(3), 1, "it refuses"),
    )
    assert core.deadline() == at(63)


def test_a_lease_that_is_resumed_does_again_at_once_what_can_be_corrected() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))
    core.set_desired(None, at(2))

    core.set_desired(LASTING, at(3))

    assert core.tick(at(3)) == (RedirectionAttempt(LASTING),)


def test_what_failed_when_it_was_done_again_is_pending_after_the_lease_is_resumed() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))
    core.tick(at(61))
    core.attempt_ended("it refuses", at(62))
    core.set_desired(None, at(63))

    core.set_desired(LASTING, at(64))

    assert core.progress.state is PENDING


def test_what_lasts_is_released_when_the_role_ends() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))

    assert Release(LASTING) in core.set_desired(None, at(2))
    assert core.deadline() is None


def test_what_may_have_been_done_is_released_after_it_was_stopped() -> None:
    core = begun(LASTING)

    assert core.set_desired(None, at(1))[:2] == (CancelAttempt(), Release(LASTING))


def test_what_lasts_is_released_for_another_setting() -> None:
    core = begun(LASTING)
    core.attempt_ended(None, at(1))

    assert Release(LASTING) in core.set_desired(replace(LASTING, site="other"), at(2))


def test_what_was_never_attempted_is_not_released() -> None:
    core = Reconciler()
    core.set_desired(LASTING, at(0))

    assert Release(LASTING) not in core.set_desired(None, at(1))


def test_what_was_reported_once_for_all_is_not_released() -> None:
    core = begun()
    core.attempt_ended(None, at(1))

    assert Release(DESIRED) not in core.set_desired(None, at(2))


STEPS = st.lists(
    st.sampled_from(["wish", "later", "nothing", "tick", "success", "failure"]), max_size=40
)


@given(STEPS)
def test_at_most_one_attempt_is_under_way_and_none_begins_without_a_role(steps: list[str]) -> None:
    core, under_way, now = Reconciler(), 0, 0.0
    desired: DesiredState | None = None
    for step in steps:
        now += 7.0
        effects: tuple[Effect, ...] = ()
        if step in {"wish", "later", "nothing"}:
            desired = {"wish": LASTING, "later": LATER, "nothing": None}[step]
            effects = core.set_desired(desired, at(now))
        elif step == "tick":
            effects = core.tick(at(now))
        elif under_way:
            under_way -= 1
            effects = core.attempt_ended(None if step == "success" else "no", at(now))
        attempts = [each for each in effects if isinstance(each, RedirectionAttempt)]
        assert all(each.desired == desired for each in attempts)
        under_way += len(attempts)
        assert under_way <= 1
        assert (core.progress.state is NONE) == (desired is None)
