"""Answers the failover API of the field's product from the cluster, and carries out its commands.

`set_failover_role` is a switchover. A switchover always brings the other master up to date first,
so `data_sync_first` changes nothing. Scripts send `force` whether they need it or not; it is
accepted and changes nothing either: a primary without a successor keeps its role, and the answer
says so.
"""

from dataclasses import dataclass
from typing import Final

from services.gateway.appliances.core import (
    Appliance,
    ApplianceHealth,
    DataSync,
    SiteFacts,
    describe_appliance,
    guid,
    public_hostname,
)
from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.failover import FailoverService
from services.gateway.cluster.local_health import LocalHealth
from shared.domain.errors import InvalidChange, MeridianError, from_code
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.node import FailoverRole, NodeRole

UNFORCED: Final = "force does not leave a site without a primary: see `meridian failover check`"


@dataclass(frozen=True)
class Appliances:
    """The site's nodes and this master, as that product's scripts see them."""

    cluster: Cluster
    failover: FailoverService
    local: LocalHealth

    def all(self) -> list[Appliance]:
        """List every node that people or endpoints reach; a witness is none."""
        directory = self.cluster.directory
        nodes = [
            (node, document)
            for node, document in sorted(directory.nodes.items())
            if document.role is not NodeRole.WITNESS
        ]
        site = SiteFacts(
            name=directory.require_site().name,
            primary=self._primary(),
            at=self.cluster.clock.unix_ms(),
            nodes=len(nodes),
            masters=len(self.cluster.masters()),
        )
        return [describe_appliance(node, document, site) for node, document in nodes]

    def health(self) -> ApplianceHealth:
        """Return the health of this master."""
        directory, node = self.cluster.directory, self.local.node
        site, document = directory.require_site(), directory.nodes.get(node)
        role, shared = self.failover_role(), site.redirection.shared_ip
        holds_address = role is FailoverRole.PRIMARY and shared is not None
        return ApplianceHealth(
            id=guid(site.name, node),
            hostname=public_hostname(node, document) if document else node,
            version=self._version(node),
            failover_role=role,
            error_message="; ".join(self.problems()),
            shared_ips=(shared.address,) if shared is not None and holds_address else (),
            data_sync=self._data_sync() if role is not FailoverRole.NONE else None,
        )

    def problems(self) -> list[str]:
        """List why sessions and changes cannot be served here now."""
        reasons = list(self.local.reasons())
        if self._primary() is None:
            reasons.append("no master is primary")
        return reasons

    def failover_role(self) -> FailoverRole:
        """Return this master's role by its monitor's grant, not by the heartbeats."""
        if len(self.cluster.masters()) < 2:  # noqa: PLR2004 (a pair)
            return FailoverRole.NONE
        is_primary = self.local.primary_epoch() is not None
        return FailoverRole.PRIMARY if is_primary else FailoverRole.BACKUP

    async def set_failover_role(self, role: FailoverRole, author: str, *, force: bool) -> str:
        """Give this master *role*; return a sentence that says what was done.

        Raises:
            InvalidChange: the site has one master.
            MeridianError: the switchover was refused, with *force* too; the role did not change.
        """
        node, present = self.local.node, self.failover_role()
        if present is FailoverRole.NONE or role is FailoverRole.NONE:
            message = "this site has no second master to share the roles with"
            raise InvalidChange(message, field="role")
        if present is role:
            return f"{node} is {role} already"
        to = node if role is FailoverRole.PRIMARY else None
        try:
            switched = await self.failover.switch_over(to, author)
        except MeridianError as error:
            if not force:
                raise
            message = f"{error.message}; {UNFORCED}"
            raise from_code(error.code, message, **error.attributes) from error
        return f"the role was changed: {switched.primary} is primary of epoch {switched.epoch}"

    def _primary(self) -> NodeId | None:
        primary = self.cluster.find_primary()
        return None if primary is None else primary.node

    def _version(self, node: NodeId) -> str:
        for service in ("failover_monitor", "relay"):
            heard = self.cluster.observed.last_heartbeat(node, service)
            if heard is not None:
                return heard.heartbeat.version
        return ""

    def _data_sync(self) -> DataSync | None:
        """Return the last progress of the master that follows."""
        primary, clock = self._primary(), self.cluster.clock
        for node in self.cluster.masters():
            heard = self.cluster.observed.received_progress(node)
            if node != primary and heard is not None:
                progress, at = heard
                age_ms = int((clock.now() - at) * 1000)
                heard_at = UnixMillis(clock.unix_ms() - age_ms)
                return DataSync(heard_at, f"{progress.state}, {progress.lag} entries behind")
        return None
