"""Decides whether this relay takes a path at all: closed sessions, draining, capacity.

A relay decides from the ticket and its own state. The part of the state that must survive a
restart is `RelayState`: closed sessions until their last ticket has expired, whether the node
drains, and the largest epoch of an order, so that the relay refuses orders of an older primary.
"""

from dataclasses import dataclass, field
from typing import Final, NewType

from shared.documents.node import NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument
from shared.domain.errors import StaleEpoch
from shared.domain.ids import Epoch, SessionId, UnixMillis
from shared.domain.node import NodeRole
from shared.wire.relay import RefusalCode

ConnectionId = NewType("ConnectionId", int)
"""Identifies one connection before it is part of a pair; no number is used twice."""

RETRY_WHEN_FULL_SECONDS: Final = 5
RETRY_WHEN_DRAINING_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class ConnectionRefusal:
    """The reason to close a connection, and the seconds after which to dial again, if ever."""

    code: RefusalCode
    message: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class RelayState:
    """The part of a relay's state that survives restarts."""

    closed: dict[SessionId, UnixMillis] = field(default_factory=dict[SessionId, UnixMillis])
    draining: bool = False
    epoch: Epoch = Epoch(0)


class Admission:
    """Decides whether a path is admitted, by this node's orders and capacity."""

    def __init__(self, capacity: int, state: RelayState) -> None:
        self.capacity = capacity
        self._closed = dict(state.closed)
        self._draining = state.draining
        self._epoch = state.epoch

    @property
    def draining(self) -> bool:
        return self._draining

    def state(self) -> RelayState:
        return RelayState(dict(self._closed), self._draining, self._epoch)

    def refusal(self, session: SessionId, other_pairs: int) -> ConnectionRefusal | None:
        """Say why a path of *session* is refused beside *other_pairs* running ones; None: admit."""
        if session in self._closed:
            return ConnectionRefusal(RefusalCode.CLOSED, f"session {session} is closed")
        if self._draining:
            return ConnectionRefusal(
                RefusalCode.DRAINING,
                "this node takes no new sessions; use another path",
                RETRY_WHEN_DRAINING_SECONDS,
            )
        if other_pairs >= self.capacity:
            return ConnectionRefusal(
                RefusalCode.FULL,
                f"this node carries {other_pairs} of {self.capacity} sessions",
                RETRY_WHEN_FULL_SECONDS,
            )
        return None

    def order_drain(self, epoch: Epoch, *, draining: bool) -> None:
        """Obey an order of the primary of *epoch*.

        Raises:
            StaleEpoch: an order of a later primary came before.
        """
        if epoch < self._epoch:
            raise StaleEpoch(
                f"the order is of epoch {epoch}, this node has obeyed epoch {self._epoch}",
                epoch=self._epoch,
            )
        self._epoch = epoch
        self._draining = draining

    def close(self, session: SessionId, until: UnixMillis) -> None:
        """Refuse *session* until *until*, or until the later time of an earlier order."""
        self._closed[session] = max(until, self._closed.get(session, until))

    def forget_expired(self, unix_ms: UnixMillis) -> bool:
        """Drop closed sessions whose tickets have all expired; True when there were any."""
        kept = {session: until for session, until in self._closed.items() if until > unix_ms}
        changed = len(kept) != len(self._closed)
        self._closed = kept
        return changed


def capacity_of(node: NodeDocument, site: SiteDocument | None) -> int:
    """Return how many sessions a node's relay carries; a master carries the fallback's only."""
    if node.role is not NodeRole.MASTER:
        return node.capacity
    selection = site.selection if site is not None else Selection()
    return selection.maximum_client_fallback_to_primary
