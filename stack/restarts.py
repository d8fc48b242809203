"""Decides which of a site's processes are started again after they ended, and when; pure.

A process that ended by itself is started again after a pause that doubles with each end, and is
short again after a minute without one. Two ends are final, until an operator starts the process:
bad settings, because they are the same the next time, and a crash loop, the third end within a
minute, because whatever is wrong does not go away by itself. A server, NATS or PostgreSQL, is tried
on in a crash loop: on a full disk it ends at its start, and space does come back. One process that
is given up changes nothing for the others. What an operator ended on purpose is forgotten and never
started here.
"""

from dataclasses import dataclass, field
from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.ids import Instant

Process = tuple[str, str]
"""A node and what runs on it: a service, `nats` or `postgres`."""

STARTS: Final = Backoff(first_seconds=0.5, longest_seconds=30.0)
LOOP_ENDS: Final = 3
LOOP_SECONDS: Final = 60.0
"""So many ends within so long are a crash loop; a run of so long without one makes it a new day."""

LOOP_PAUSE_SECONDS: Final = 30.0
"""How long a server in a crash loop stays away before the next attempt."""

BAD_SETTINGS: Final = 2
"""The exit code of a service whose settings cannot be used."""


@dataclass(frozen=True, slots=True)
class StartAgain:
    """The process is started again after *seconds*."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NoMoreRestarts:
    """The process is started no more until an operator does it; *why* is one sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class TryOn:
    """The server is in a crash loop, as *why* says, and is tried on every `LOOP_PAUSE_SECONDS`.

    People are to know it the *first* time.
    """

    why: str
    is_first: bool


Decision = StartAgain | NoMoreRestarts | TryOn


@dataclass(frozen=True, slots=True)
class Start:
    """Start *process* now."""

    process: Process


@dataclass
class History:
    """One process: when it ended within the last minute, and when it is to be started."""

    ends: list[Instant] = field(default_factory=list[Instant])
    failures: int = 0
    due_at: Instant | None = None
    restarts: int = 0
    given_up: str = ""
    is_known: bool = False
    """Whether people know of the crash loop that a server is in."""


class Restarts:
    """The processes of one site that have ended at least once."""

    def __init__(self) -> None:
        self._histories: dict[Process, History] = {}

    def ended(self, process: Process, exit_code: int | None, now: Instant) -> Decision:
        """Record that *process* ended by itself, or could not be started (None)."""
        history = self._histories.setdefault(process, History())
        if not history.ends or now - history.ends[-1] > LOOP_SECONDS:
            history.failures, history.is_known = 0, False
        history.ends = [at for at in history.ends if now - at <= LOOP_SECONDS] + [now]
        if exit_code == BAD_SETTINGS and is_service(process):
            history.given_up = "its settings cannot be used, and would be the same the next time"
        elif len(history.ends) >= LOOP_ENDS or history.is_known:
            history.given_up = f"it is in a crash loop: {len(history.ends)} ends within a minute"
        if history.given_up:
            return self._give_up(process, history, now)
        history.failures += 1
        pause = STARTS.pause_seconds(history.failures)
        history.due_at = Instant(now + pause)
        return StartAgain(pause)

    def _give_up(self, process: Process, history: History, now: Instant) -> Decision:
        """Wait for *process* no more; a server is tried on."""
        if is_service(process):
            history.due_at = None
            return NoMoreRestarts(history.given_up)
        history.due_at = Instant(now + LOOP_PAUSE_SECONDS)
        is_first, history.is_known = not history.is_known, True
        return TryOn(history.given_up, is_first)

    def forget(self, process: Process) -> None:
        """Forget the past of *process*, because an operator ended it or starts it."""
        self._histories.pop(process, None)

    def tick(self, now: Instant) -> tuple[Start, ...]:
        """Return what is due now."""
        due = [
            (process, history)
            for process, history in sorted(self._histories.items())
            if history.due_at is not None and now >= history.due_at
        ]
        for _, history in due:
            history.due_at, history.given_up = None, ""
            history.restarts += 1
        return tuple(Start(process) for process, _ in due)

    def deadline(self) -> Instant | None:
        """Return the moment when `tick` has something to do."""
        waiting = (history.due_at for history in self._histories.values())
        return min((at for at in waiting if at is not None), default=None)

    def is_waiting(self, process: Process) -> bool:
        """Say whether *process* has ended and will be started again."""
        history = self._histories.get(process)
        return history is not None and history.due_at is not None

    def given_up(self, process: Process) -> str:
        """Say why nobody waits for *process* any more; empty while it is started again."""
        history = self._histories.get(process)
        return "" if history is None else history.given_up

    def count(self, process: Process) -> int:
        """Count how often *process* was started again since an operator last did it."""
        history = self._histories.get(process)
        return 0 if history is None else history.restarts

    def describe(self) -> str:
        sentences = (
            f"{node}.{service}: {history.restarts} restarts"
            + (f", given up: {history.given_up}" if history.given_up else "")
            + ("" if history.due_at is None else f", due at {history.due_at:g}")
            for (node, service), history in sorted(self._histories.items())
        )
        return "; ".join(sentences)


def is_service(process: Process) -> bool:
    """Say whether *process* is one of ours; only those say by their exit code what is wrong."""
    return process[1] not in ("nats", "postgres")
