"""Decides what the heartbeats and the progress of a node say about it.

A master whose heartbeats stopped for too long has no role, whatever its last heartbeat says. The
relay's load and the follower's position stay as they were reported: the last known values.
"""

from dataclasses import dataclass

from services.gateway.cluster.core.observed import Observed
from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, NodeId, Revision
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole
from shared.domain.service import ServiceRestarts
from shared.events.node import NodeHeartbeat
from shared.events.replication import FollowerProgressed


@dataclass(frozen=True, slots=True)
class ReportedRole:
    """A master's part; all None for a node whose monitor is silent."""

    acts_as: MasterRole | None = None
    epoch: Epoch | None = None
    could_take_over: bool | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedLoad:
    """A relay's load; all None for a node whose relay never reported."""

    sessions: int | None = None
    connections: int | None = None
    bytes_per_second: int | None = None
    draining: bool = False


@dataclass(frozen=True, slots=True)
class ReportedPosition:
    """A follower's position; all None for a node whose follower never reported."""

    revision: Revision | None = None
    follower: str | None = None
    lag: int | None = None


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The report of one node; *services* are those that ended uncleanly."""

    liveness: Liveness | None
    role: ReportedRole
    load: ReportedLoad
    position: ReportedPosition
    version: str | None
    services: tuple[ServiceRestarts, ...]


def report_node(observed: Observed, node: NodeId, timing: Timing, now: Instant) -> NodeReport:
    """Collect what *node* reported until *now*."""
    relay, monitor = (
        observed.last_heartbeat(node, "relay"),
        observed.last_heartbeat(node, "failover_monitor"),
    )
    liveness, last = observed.liveness(node, timing, now), observed.freshest_heartbeat(node)
    load = None if relay is None else relay.heartbeat
    acting = None if monitor is None or liveness is Liveness.DEAD else monitor.heartbeat
    speaker = load or acting
    return NodeReport(
        liveness=liveness,
        role=_role(acting),
        load=_load(load),
        position=_position(observed.progress(node)),
        version=None if speaker is None else speaker.version,
        services=() if last is None else last.heartbeat.services,
    )


def _role(monitor: NodeHeartbeat | None) -> ReportedRole:
    if monitor is None:
        return ReportedRole()
    return ReportedRole(monitor.role, monitor.epoch, monitor.could_take_over, monitor.reasons)


def _load(relay: NodeHeartbeat | None) -> ReportedLoad:
    if relay is None:
        return ReportedLoad()
    return ReportedLoad(relay.sessions, relay.connections, relay.bytes_per_second, relay.draining)


def _position(progress: FollowerProgressed | None) -> ReportedPosition:
    if progress is None:
        return ReportedPosition()
    return ReportedPosition(progress.revision, progress.state, progress.lag)
