"""Decides whether this relay takes a path at all: closed sessions, draining, capacity.

A relay needs nothing but the ticket and its own state; this is that state. What must outlive a
restart is `Remembered`: closed sessions until their last ticket has expired, whether the node
drains, and the largest epoch that an order named, so that an older primary is refused.
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

GuestId = NewType("GuestId", int)
"""One connection that is not yet part of a pair; never used twice."""

RETRY_WHEN_FULL_SECONDS: Final = 5
RETRY_WHEN_DRAINING_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is sent away, and after how many seconds coming again makes sense, if ever."""

    code: RefusalCode
    message: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a relay keeps across restarts."""

    closed: dict[SessionId, UnixMillis] = field(default_factory=dict[SessionId, UnixMillis])
    draining: bool = False
    epoch: Epoch = Epoch(0)


class Admission:
    """Says no, or nothing."""

    def __init__(self, capacity: int, remembered: Remembered) -> None:
        self.capacity = capacity
        self._closed = dict(remembered.closed)
        self._draining = remembered.draining
        self._epoch = remembered.epoch

    @property
    def draining(self) -> bool:
        return self._draining

    def remembered(self) -> Remembered:
        return Remembered(dict(self._closed), self._draining, self._epoch)

    def refusal(self, session: SessionId, other_pairs: int) -> Refusal | None:
        """Why a path of *session* is not taken beside *other_pairs* running ones; None: it is."""
        if session in self._closed:
            return Refusal(RefusalCode.CLOSED, f"session {session} is closed")
        if self._draining:
            return Refusal(
                RefusalCode.DRAINING,
                "this node takes no new sessions; use another path",
                RETRY_WHEN_DRAINING_SECONDS,
            )
        if other_pairs >= self.capacity:
            return Refusal(
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
        """Refuse *session* until *until*, or longer when that was said before."""
        self._closed[session] = max(until, self._closed.get(session, until))

    def forget_expired(self, unix_ms: UnixMillis) -> bool:
        """Drop closed sessions whose tickets have all expired; True when there were any."""
        kept = {session: until for session, until in self._closed.items() if until > unix_ms}
        changed = len(kept) != len(self._closed)
        self._closed = kept
        return changed


def capacity_of(node: NodeDocument, site: SiteDocument | None) -> int:
    """How many sessions a node's relay carries: a master's is for the fallback only."""
    if node.role is not NodeRole.MASTER:
        return node.capacity
    selection = site.selection if site is not None else Selection()
    return selection.maximum_client_fallback_to_primary
