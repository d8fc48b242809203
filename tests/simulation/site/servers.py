"""The log as its servers hold it: in order, by compare-and-set, with a memory for duplicates.

Like the real one it looks for duplicates before it looks at sequences. A server that was deposed
may still remember an append that never came into the log, and answer "ok, duplicate" to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nats.js.errors import APIError, NotFoundError

from shared.clusterlog.log import NO_MESSAGE
from shared.domain.ids import Sequence

WRONG_LAST_SEQUENCE: Final = 10071
NO_SPACE: Final = 10047
NO_STREAM: Final = 10059
ELSEWHERE: Final = 1
"""The sequence that an answer marked duplicate names for what is not in the log."""


@dataclass
class LogServers:
    """The messages; *is_down* while the log has no leader, *is_full* while the disk is."""

    messages: list[bytes] = field(default_factory=list[bytes])
    is_down: bool = False
    is_full: bool = False
    is_missing: bool = False
    stale_end: int | None = None
    """Where the log ends for whoever asks a deposed leader, while there is one."""

    loses: int = 0
    """So many appends to come are remembered by a server and never come into the log."""

    remembered: dict[str, int] = field(default_factory=dict[str, int])
    listeners: list[Callable[[Sequence, bytes], None]] = field(
        default_factory=list[Callable[[Sequence, bytes], None]]
    )

    def append(self, message: bytes, expected: int, message_id: str) -> int | Exception:
        """The acknowledged sequence, or the server's refusal."""
        if self.is_missing:
            return NotFoundError(code=404, err_code=NO_STREAM)
        known = self.remembered.get(message_id)
        if known is not None:
            return known
        if self.loses:
            self.loses -= 1
            self.remembered[message_id] = ELSEWHERE
            return TimeoutError("no answer in time")
        if expected != len(self.messages):
            return APIError(code=400, err_code=WRONG_LAST_SEQUENCE)
        if self.is_full:
            return APIError(code=503, err_code=NO_SPACE)
        self.remembered[message_id] = expected + 1
        self.put(message)
        return expected + 1

    def wipe(self) -> None:
        """Every server lost its files; whoever comes finds an empty log."""
        self.messages.clear()
        self.remembered.clear()

    def put(self, message: bytes) -> None:
        """Add *message* behind the last, whoever it is of."""
        self.messages.append(message)
        for tell in self.listeners:
            tell(Sequence(len(self.messages)), message)

    def look(self, sequence: Sequence | None, *, is_stale: bool) -> tuple[int, bytes] | Exception:
        """The message at *sequence*, or the last; as a deposed leader has it when *is_stale*."""
        if self.is_missing:
            return NotFoundError(code=404, err_code=NO_STREAM)
        end = len(self.messages)
        if is_stale and self.stale_end is not None:
            end = min(end, self.stale_end)
        number = end if sequence is None else sequence
        if not 0 < number <= end:
            return NotFoundError(code=404, err_code=NO_MESSAGE)
        return number, self.messages[number - 1]
