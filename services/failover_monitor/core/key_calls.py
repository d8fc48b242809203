"""Orders the calls to the lease's key: one at a time, and after an unknown outcome only a read.

A write without an answer may have landed. What became of it is read before anything else is
written, so that no write rests on a revision that is gone.
"""

from services.failover_monitor.core.effects import ReadLease, WriteLease
from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant


class KeyCalls:
    """The call to the key that is under way, and the time of the next one."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._calling: WriteLease | ReadLease | None = None
        self._called_at = Instant(0.0)
        self._next_at = Instant(0.0)
        self._must_read = True

    @property
    def is_idle(self) -> bool:
        """Say whether no call is under way."""
        return self._calling is None

    @property
    def must_read(self) -> bool:
        """Say whether the key has to be read before it is written."""
        return self._must_read

    @property
    def called_at(self) -> Instant:
        """Return when the last call began."""
        return self._called_at

    @property
    def next_at(self) -> Instant:
        """Return when the next regular call is due."""
        return self._next_at

    def begin(
        self, call: ReadLease | WriteLease, now: Instant
    ) -> tuple[ReadLease | WriteLease, ...]:
        """Begin *call*, and return it as the effect."""
        assert self._calling is None, "one call to the key at a time"
        self._calling, self._called_at = call, now
        return (call,)

    def end_read(self, key: KeyState | None, now: Instant) -> None:
        """End the read; *key* is None when it failed."""
        assert isinstance(self._calling, ReadLease), "a read was under way"
        self._calling = None
        self._next_at = max(now, Instant(self._called_at + self._timing.read_seconds))
        if key is not None:
            self._must_read = False

    def end_write(self, outcome: int | WriteFailure, now: Instant) -> WriteLease:
        """End the compare-and-set; return which it was."""
        call, self._calling = self._calling, None
        assert isinstance(call, WriteLease), "a write was under way"
        pause = self._timing.renew_seconds
        if isinstance(outcome, WriteFailure):
            self._must_read = True
            pause = self._timing.read_seconds
        self._next_at = max(now, Instant(self._called_at + pause))
        return call
