"""The monitor's word to the other processes of its master: act as primary until then.

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
        if last is not None and (grant.epoch, grant.valid_until) < (last.epoch, last.valid_until):
            return False
        self._grant = grant
        return True

    def valid(self, now: Instant) -> Epoch | None:
        """The epoch that this master may act in at *now*; None when it may not."""
        grant = self._grant
        return grant.epoch if grant is not None and now < grant.valid_until else None

    @property
    def valid_until(self) -> Instant:
        """When the last grant ends; 0 before the first."""
        return Instant(0.0) if self._grant is None else Instant(self._grant.valid_until)
