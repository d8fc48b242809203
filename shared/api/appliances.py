"""The failover API of the field's product, as JSON: which part a master plays."""

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
    """When the copy of the master state was last heard of, and its status."""

    at: UnixMillis
    status: str


class ApplianceHealthReport(ApiModel):
    """How this master is; *error_message* is empty when all is well."""

    success: bool
    id: str
    hostname: str
    version: str
    failover_role: FailoverRole
    error_message: str
    shared_ips: tuple[str, ...]
    data_sync: DataSyncInfo | None


class FailoverRoleRequest(ApiModel):
    """Which part this master is to play; data is always brought up to date first."""

    role: FailoverRole
    data_sync_first: bool = False
    force: bool = False


class FailoverRoleResult(ApiModel):
    """What was done."""

    success: str
