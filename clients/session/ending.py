"""Decides whether the end of a session is a good one, by who ended it and what it cut off.

Whoever ends the session at this end wants that. The representative's end is the customer's too:
`ssh` ends its ProxyCommand while its connection is open. All others that end a session while
connections are open cut somebody off: the site, at the end of its lifetime or on somebody's order,
and the customer, for the representative.
"""

from dataclasses import dataclass

from clients.tunnel.effects import EndCode, Ended
from shared.domain.errors import MeridianError, Rejected, SessionEnded
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason


@dataclass(frozen=True, slots=True)
class SessionEnding:
    """How the session ended at *side*: what the tunnel said last, and the site, if it did.

    *open_streams* were cut off. *was_closed* says that the site closed the session, or refused this
    end; its *reason* is None for a refusal.
    """

    session: SessionId
    side: Side
    ended: Ended
    was_secured: bool
    open_streams: int = 0
    was_closed: bool = False
    reason: CloseReason | None = None

    def find_fault(self) -> MeridianError | None:
        """Return the error that ends the command; None after a good end."""
        if self.ended.code is not EndCode.CLOSED:
            return Rejected(self.ended.message, code=self.ended.code.value)
        if self.was_closed and not self.was_secured:
            return SessionEnded(f"session {self.session} is over: {self.ended.message}")
        if not self.open_streams or not self._is_cut_off():
            return None
        noun = "connection was" if self.open_streams == 1 else "connections were"
        return SessionEnded(
            f"session {self.session} ended while {self.open_streams} {noun} open: "
            f"{self.ended.message}"
        )

    def _is_cut_off(self) -> bool:
        if self.was_closed and self.reason is not CloseReason.CLOSED_BY_ENDPOINT:
            return True
        is_by_other_end = self.was_closed or self.ended.by_peer
        return is_by_other_end and self.side is Side.REPRESENTATIVE
