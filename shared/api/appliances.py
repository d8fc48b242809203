"""The failover API of the field's product, as JSON: the part that each master plays."""

from shared.api.model import ApiModel
from shared.domain.ids import UnixMillis
from shared.domain.node import FailoverRole


class ApplianceInfo(ApiModel):
    """One node of the site, in the product's words."""

    id: str
    name: str
    public_hostname: str
    cluster_role: str
    failover_role: FailoverRole
    accepting_connections: bool
    timezone_offset: int


class DataSyncInfo(ApiModel):
    """The status of the copy of the master state, and when it was last heard of."""

    at: UnixMillis
    status: str


class ApplianceHealthReport(ApiModel):
    """The health of this master; *error_message* is empty when all is well."""

    success: bool
    id: str
    hostname: str
    version: str
    failover_role: FailoverRole
    error_message: str
    shared_ips: tuple[str, ...]
    data_sync: DataSyncInfo | None


class FailoverRoleRequest(ApiModel):
    """The part that this master is to play; data is always brought up to date first."""

    role: FailoverRole
    data_sync_first: bool = False
    force: bool = False


class FailoverRoleResult(ApiModel):
    """The result of a change of the part that a master plays."""

    success: str
