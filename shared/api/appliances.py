"""The failover API of the field's product, as JSON: which part a master plays."""

from shared.api.model import ApiModel
from shared.domain.node import FailoverRole


class FailoverRoleRequest(ApiModel):
    """Which part this master is to play; data is always brought up to date first."""

    role: FailoverRole
    data_sync_first: bool = False
    force: bool = False


class FailoverRoleResult(ApiModel):
    """What was done."""

    success: str
