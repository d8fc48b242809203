"""Says whether this master's gateway is ready, and whether this master is primary."""

from dataclasses import dataclass

from shared.domain.ids import Epoch, NodeId
from shared.runtime.clock import Clock
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health


@dataclass(frozen=True)
class LocalHealth:
    """The state of this gateway's own master; its role comes from its monitor's grant."""

    node: NodeId
    health: Health
    grant: GrantHolder
    clock: Clock

    def reasons(self) -> list[str]:
        """List why this gateway is not ready; empty when it is."""
        return self.health.reasons()

    def warnings(self) -> list[str]:
        """List what is wrong here and does not keep this gateway from being ready."""
        return self.health.warnings()

    def primary_epoch(self) -> Epoch | None:
        """Return the epoch in which this master is primary now; None when it is not."""
        return self.grant.valid_epoch(self.clock.now())
