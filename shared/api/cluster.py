"""The cluster as people see it: its nodes, their keys, and making followers catch up."""

from pydantic import TypeAdapter

from shared.api.call import Call
from shared.api.model import ApiModel, NodeName
from shared.domain.clock_offset import MeasuredClock
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from shared.domain.log_server import LogServerState
from shared.domain.next_failure import NextFailure
from shared.domain.node import MasterRole, NodeRole
from shared.domain.service import ServiceRestarts


class NodeStatus(ApiModel):
    """The state of one node: its configuration, its heartbeats, and how far it follows.

    *services* are those that ended uncleanly since their last clean end. *log_server* is the state
    of the node's server of the cluster log, as a master sees it; None where it is not known.
    *clock* is the node's time against that of the answering master; None where it was not measured
    lately.
    """

    node: NodeId
    role: NodeRole
    region: str
    liveness: Liveness | None
    acts_as: MasterRole | None
    epoch: int | None
    revision: int | None
    follower: str | None
    lag: int | None
    sessions: int | None
    connections: int | None
    bytes_per_second: int | None
    draining: bool
    accepting_new_clients: bool
    could_take_over: bool | None
    reasons: tuple[str, ...]
    version: str | None
    services: tuple[ServiceRestarts, ...] = ()
    log_server: LogServerState | None = None
    clock: MeasuredClock | None = None


class ClusterStatus(ApiModel):
    """The cluster as the answering master sees it.

    *failures* says what follows from each single failure that may come next, *survival* the same in
    one line. A site that *is_well* has a primary without faults, no dead master, and no log server
    that is out.
    """

    site: str
    seen_by: NodeId
    primary: NodeId | None
    revision: int
    nodes: tuple[NodeStatus, ...]
    failures: tuple[NextFailure, ...] = ()
    survival: str = ""
    is_well: bool = False


class SyncRequest(ApiModel):
    """The nodes that are to catch up (all when empty), and whether from a snapshot."""

    nodes: tuple[NodeName, ...] = ()
    resync: bool = False


class SyncReport(ApiModel):
    """One follower's answer to *sync now*: the position that it proved, or what is wrong."""

    node: NodeId
    ok: bool
    state: str
    revision: int | None
    hash: str
    lag: int | None
    code: str
    detail: str


def cluster_status() -> Call[ClusterStatus]:
    """Every node, with role, liveness, position and load."""
    return Call("GET", "/status", TypeAdapter(ClusterStatus))


def node_keys() -> Call[dict[NodeId, str]]:
    """Every node's public key (Ed25519, base64)."""
    return Call("GET", "/keys", TypeAdapter(dict[NodeId, str]))


def sync(request: SyncRequest) -> Call[tuple[SyncReport, ...]]:
    """Make followers catch up now and prove their position."""
    return Call("POST", "/sync", TypeAdapter(tuple[SyncReport, ...]), request)
