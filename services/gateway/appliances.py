"""Asks the cluster for what the failover API of the field's product tells, and does what it asks.

`set_failover_role` is a switchover: it always brings the other master up to date first, so
`data_sync_first` changes nothing. `force` is taken, since scripts say it whether they need it or
not, and changes nothing either: a master that nobody can follow stays primary, and that is told.
"""

from typing import Final

from services.gateway.core.appliances import (
    Appliance,
    ApplianceHealth,
    DataSync,
    Surroundings,
    appliance,
    guid,
    public_hostname,
)
from services.gateway.routes.door import Door
from services.gateway.routes.failover import hand_over, primary_of
from shared.domain.errors import InvalidChange, MeridianError, NoPrimary, from_code
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.node import FailoverRole, NodeRole

UNFORCED: Final = "force does not leave a site without a primary: see `meridian failover check`"


def appliances(door: Door) -> list[Appliance]:
    """Every node that people or endpoints reach; a witness is none."""
    nodes = [
        (node, document)
        for node, document in sorted(door.directory.nodes.items())
        if document.role is not NodeRole.WITNESS
    ]
    around = Surroundings(
        site=door.site().name,
        primary=_primary(door),
        at=door.clock.unix_ms(),
        nodes=len(nodes),
        masters=len(_masters(door)),
    )
    return [appliance(node, document, around) for node, document in nodes]


def health(door: Door) -> ApplianceHealth:
    """How this master fares."""
    site, document = door.site(), door.directory.nodes.get(door.node)
    role, shared = failover_role(door), site.redirection.shared_ip
    holds_address = role is FailoverRole.PRIMARY and shared is not None
    return ApplianceHealth(
        id=guid(site.name, door.node),
        hostname=public_hostname(door.node, document) if document else door.node,
        version=_version(door),
        failover_role=role,
        error_message="; ".join(problems(door)),
        shared_ips=(shared.address,) if shared is not None and holds_address else (),
        data_sync=_data_sync(door) if role is not FailoverRole.NONE else None,
    )


def problems(door: Door) -> list[str]:
    """Why sessions and changes cannot be served here now."""
    reasons = list(door.health.reasons())
    if _primary(door) is None:
        reasons.append("no master is primary")
    return reasons


def failover_role(door: Door) -> FailoverRole:
    """This master's part: it is primary by its monitor's grant, not by what is heard of it."""
    if len(_masters(door)) < 2:  # noqa: PLR2004 (a pair)
        return FailoverRole.NONE
    is_primary = door.grant.valid_epoch(door.clock.now()) is not None
    return FailoverRole.PRIMARY if is_primary else FailoverRole.BACKUP


async def set_failover_role(door: Door, role: FailoverRole, author: str, *, force: bool) -> str:
    """Give this master *role*; the answer says what was done.

    Raises:
        InvalidChange: the site has one master.
        MeridianError: the switchover was refused; the role is what it was, also with *force*.
    """
    present = failover_role(door)
    if present is FailoverRole.NONE or role is FailoverRole.NONE:
        raise InvalidChange("this site has no second master to share the roles with", field="role")
    if present is role:
        return f"{door.node} is {role} already"
    to = door.node if role is FailoverRole.PRIMARY else None
    try:
        switched = await hand_over(door, to, author)
    except MeridianError as error:
        if not force:
            raise
        sentence = f"{error.message}; {UNFORCED}"
        raise from_code(error.code, sentence, **error.attributes) from error
    return f"the role was changed: {switched.primary} is primary of epoch {switched.epoch}"


def _primary(door: Door) -> NodeId | None:
    try:
        return primary_of(door).node
    except NoPrimary:
        return None


def _masters(door: Door) -> list[NodeId]:
    nodes = door.directory.nodes.items()
    return sorted(node for node, document in nodes if document.role is NodeRole.MASTER)


def _version(door: Door) -> str:
    for service in ("failover_monitor", "relay"):
        heard = door.observed.heard(door.node, service)
        if heard is not None:
            return heard.heartbeat.version
    return ""


def _data_sync(door: Door) -> DataSync | None:
    """What was last heard of the master that follows."""
    primary, now = _primary(door), door.clock.now()
    for node in _masters(door):
        heard = door.observed.progress_heard(node)
        if node != primary and heard is not None:
            progress, at = heard
            before_ms = UnixMillis(door.clock.unix_ms() - int((now - at) * 1000))
            return DataSync(before_ms, f"{progress.state}, {progress.lag} entries behind")
    return None
