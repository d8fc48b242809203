"""Brings the site's address to the desired state, and decides when to try again.

The only input is the desired state: to which master the address should lead and how, or nothing
while this master is not primary. A desired state is reached once and stays reached for its epoch,
also when the lease ran out for a moment and was resumed. A new epoch or another setting is another
desired state. A method with `again_seconds` repeats its work that often: this corrects what an old
primary did late, and prolongs what the kernel holds only for a while; it is released at the end. A
failed attempt is tried again until it succeeds, after 1, 2, 4 seconds and so on, at most a minute
apart, because an operator may repair what refuses it.

Keeps two laws: at most one attempt is under way, and an attempt for a state that is no longer
desired is cancelled, so that an old primary does not direct the address back to itself.
"""

from dataclasses import dataclass
from typing import Final

from shared.documents.redirection import Redirection
from shared.domain.backoff import Backoff
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.redirection import RedirectionState

ATTEMPTS: Final = Backoff(first_seconds=1.0, longest_seconds=60.0)


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The state where *site*'s address leads to *node*, the primary of *epoch*, by *setting*."""

    site: str
    node: NodeId
    epoch: Epoch
    setting: Redirection
    gateway_url: str = ""
    again_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RedirectionAttempt:
    """Try to reach *desired*, and answer with `attempt_ended` in any case."""

    desired: DesiredState


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """Cancel the attempt under way; its `attempt_ended` is still awaited."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give up the address held for *desired*; no outcome is reported, because it expires anyway."""

    desired: DesiredState


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of the redirection; *attempts* failed since the last success, for *cause*."""

    state: RedirectionState = RedirectionState.NONE
    epoch: Epoch = Epoch(0)
    attempts: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """Report that the progress has changed."""

    before: Progress
    after: Progress
    desired: DesiredState | None


Effect = RedirectionAttempt | CancelAttempt | Release | ReportProgress


class Reconciler:
    """This master's part in the redirection of the site's address."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._desired: DesiredState | None = None
        self._reached: DesiredState | None = None
        self._trying: DesiredState | None = None
        self._is_cancelled = False
        self._next_at = Instant(0.0)

    @property
    def progress(self) -> Progress:
        """Return the progress of the redirection."""
        return self._progress

    def set_desired(self, desired: DesiredState | None, now: Instant) -> tuple[Effect, ...]:
        """Set the desired state; None while this master is not primary."""
        if desired == self._desired:
            return ()
        ended = self._cancel() + self._release()
        self._desired, self._next_at = desired, now
        if desired is None:
            return ended + self._set_progress(Progress())
        is_done = desired == self._reached
        state = RedirectionState.DONE if is_done else RedirectionState.PENDING
        return ended + self._set_progress(Progress(state, desired.epoch))

    def tick(self, now: Instant) -> tuple[Effect, ...]:
        """Do what is due at *now*."""
        due_at = self.deadline()
        if self._desired is None or due_at is None or now < due_at:
            return ()
        self._trying, self._is_cancelled = self._desired, False
        return (RedirectionAttempt(self._desired),)

    def attempt_ended(self, cause: str | None, now: Instant) -> tuple[Effect, ...]:
        """Record that the attempt failed for *cause*, or succeeded when there is none."""
        attempted, self._trying = self._trying, None
        assert attempted is not None, "an attempt was under way"
        if cause is None:
            self._reached = attempted
        elif attempted == self._reached and not self._is_cancelled:
            self._reached = None
        if attempted != self._desired or (cause is not None and self._is_cancelled):
            return ()
        attempts = self._progress.attempts + 1
        if cause is None:
            self._next_at = Instant(now + (attempted.again_seconds or 0.0))
            return self._set_progress(Progress(RedirectionState.DONE, attempted.epoch))
        self._next_at = Instant(now + ATTEMPTS.pause_seconds(attempts))
        return self._set_progress(
            Progress(RedirectionState.FAILING, attempted.epoch, attempts, cause)
        )

    def deadline(self) -> Instant | None:
        """Return when `tick` has something to do; None while an attempt runs or none is needed."""
        desired = self._desired
        if desired is None or self._trying is not None:
            return None
        if desired == self._reached and desired.again_seconds is None:
            return None
        return self._next_at

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        progress = self._progress
        why = f": {progress.cause}" if progress.cause else ""
        return f"{progress.state} in epoch {progress.epoch}, {progress.attempts} attempts{why}"

    def _cancel(self) -> tuple[Effect, ...]:
        if self._trying is None or self._is_cancelled:
            return ()
        self._is_cancelled = True
        return (CancelAttempt(),)

    def _release(self) -> tuple[Effect, ...]:
        desired = self._desired
        if desired is None or desired.again_seconds is None:
            return ()
        return (Release(desired),) if desired in (self._reached, self._trying) else ()

    def _set_progress(self, progress: Progress) -> tuple[Effect, ...]:
        """Note *progress*; reported when more than the number of attempts has changed."""
        before, self._progress = self._progress, progress
        was = before.state, before.epoch, before.cause
        if was == (progress.state, progress.epoch, progress.cause):
            return ()
        return (ReportProgress(before, progress, self._desired),)
