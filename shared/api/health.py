"""Health for load balancers: whether sessions can be started here, and who is primary."""

from shared.api.model import ApiModel
from shared.domain.ids import Epoch, NodeId
from shared.domain.node import MasterRole


class ProcessHealth(ApiModel):
    """The process answers."""

    ok: bool = True


class Readiness(ApiModel):
    """Says whether sessions can be started here; *reasons* say why not."""

    ready: bool
    reasons: tuple[str, ...] = ()


class RoleReport(ApiModel):
    """Says whether this master is primary, and of which epoch."""

    node: NodeId
    role: MasterRole
    epoch: Epoch | None
