"""The grant, which permits the processes of a master to act as primary until a moment.

A grant is an absolute reading of this kernel's clock. It is never counted from its arrival, so a
message that was late, or a process that slept, finds it ended.
"""

from shared.domain.ids import Epoch, Instant, NodeId
from shared.events.failover import MasterGranted


class GrantHolder:
    """The last grant of this master's monitor."""

    def __init__(self, node: NodeId, boot_id: str) -> None:
        self._node = node
        self._boot_id = boot_id
        self._grant: MasterGranted | None = None

    def offer(self, grant: MasterGranted) -> bool:
        """Keep *grant* when it is for this master and kernel and no older than the last."""
        if grant.node != self._node or grant.boot_id != self._boot_id:
            return False
        last = self._grant
        if last is not None and _order(grant) < _order(last):
            return False
        self._grant = grant
        return True

    def is_for_another_master(self, grant: MasterGranted) -> bool:
        """Say whether *grant* is for another master."""
        return grant.node != self._node

    def valid_epoch(self, now: Instant) -> Epoch | None:
        """The epoch that this master may act in at *now*; None when it may not."""
        grant = self._grant
        if grant is None or grant.paused:
            return None
        return grant.epoch if now < grant.valid_until else None

    def is_paused(self, now: Instant) -> bool:
        """Say whether this master does not act now, but may go on."""
        grant = self._grant
        return grant is not None and grant.paused and now < grant.valid_until

    @property
    def is_planned(self) -> bool:
        """Say whether the epoch of the last grant began by a switchover."""
        return self._grant is not None and self._grant.planned

    @property
    def valid_until(self) -> Instant:
        """Return the end of the last grant; 0 before the first."""
        return Instant(0.0) if self._grant is None else Instant(self._grant.valid_until)


def _order(grant: MasterGranted) -> tuple[Epoch, float, bool]:
    """Return the order of a grant in time: a pause ends the very grant that it names."""
    return grant.epoch, grant.valid_until, grant.paused
