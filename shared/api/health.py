"""Health for load balancers: whether sessions can be started here, and who is primary."""

from shared.api.model import ApiModel
from shared.domain.ids import Epoch, NodeId
from shared.domain.node import MasterRole


class ProcessHealth(ApiModel):
    """The process answers."""

    ok: bool = True


class Readiness(ApiModel):
    """Says whether sessions can be started here; *reasons* say why not.

    *warnings* name what is wrong and does not keep them from it.
    """

    ready: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class RoleReport(ApiModel):
    """Says whether this master is primary, and of which epoch."""

    node: NodeId
    role: MasterRole
    epoch: Epoch | None
