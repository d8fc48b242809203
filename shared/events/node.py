"""The reports of nodes on themselves."""

from typing import ClassVar

from shared.domain.ids import Epoch, NodeId, Revision
from shared.domain.liveness import Liveness
from shared.domain.log_server import LogServerState
from shared.domain.node import MasterRole
from shared.domain.service import ServiceRestarts
from shared.events.message import Event
from shared.events.subject import Subject


class NodeHeartbeat(Event):
    """*node* is up, as *service* on it sees it; once per heartbeat interval, never stored.

    The relay speaks for a node's data plane (its load decides selection), the failover monitor
    for a master (its role and revision, and the log's servers as it sees them). A node is alive
    for selection while its relay is. Both tell which of the node's *services*
    ended uncleanly, as the marks in its folder say. A *reluctant* master accepted no changes when
    it last was primary.
    """

    subject: ClassVar = Subject(
        "meridian.node.{node}.heartbeat",
        speakers=frozenset({"relay", "failover_monitor"}),
        sender_field="node",
    )

    node: NodeId
    service: str
    version: str
    started_unix_ms: int
    role: MasterRole | None = None
    epoch: Epoch = Epoch(0)
    applied_revision: Revision | None = None
    could_take_over: bool = False
    reluctant: bool = False
    reasons: tuple[str, ...] = ()
    sessions: int = 0
    connections: int = 0
    bytes_per_second: int = 0
    draining: bool = False
    session_digest: str = ""
    services: tuple[ServiceRestarts, ...] = ()
    log_servers: dict[NodeId, LogServerState] = {}


class NodeStateChanged(Event):
    """*node* is *state* now, as the primary sees it by heartbeats; *cause* says what it saw.

    Where the node's clock was measured and is off, the cause says so. A state that did not last is
    not reported. Emitted at least once: a new primary repeats events that the old one may not have
    emitted.
    """

    subject: ClassVar = Subject(
        "meridian.event.node.state_changed", speakers=frozenset({"gateway"}), stored=True
    )

    node: NodeId
    state: Liveness
    previous: Liveness | None
    cause: str


class ReadinessChanged(Event):
    """Master *node* became able or unable to take the role over; *reasons* bar it.

    The primary hears it from the master itself, and reports what lasted. Emitted at least once, as
    `NodeStateChanged` is.
    """

    subject: ClassVar = Subject(
        "meridian.event.failover.readiness_changed", speakers=frozenset({"gateway"}), stored=True
    )

    node: NodeId
    could_take_over: bool
    reasons: tuple[str, ...] = ()


class ClockChanged(Event):
    """The clock of *node* is off by 5 s or more, or no longer, against the primary's.

    *ahead_ms* was measured by question and answer with *service* of that node, never by the age of
    a message. Emitted at least once, as `NodeStateChanged` is.
    """

    subject: ClassVar = Subject(
        "meridian.event.node.clock_changed", speakers=frozenset({"gateway"}), stored=True
    )

    node: NodeId
    service: str
    ahead_ms: int
    is_off: bool
