"""The questions by which a master's monitor learns whether the services of its role work."""

from typing import ClassVar

from shared.domain.ids import Epoch, Instant, NodeId
from shared.events.message import Message, Request
from shared.events.subject import Subject


class ServiceProof(Message):
    """What a service of *node* shows of its work.

    *worked_at* is when it last did what the role needs, in seconds of this kernel's CLOCK_BOOTTIME:
    for config a commit of the kind that an append needs, for replication a transaction of its own
    database, for a gateway this very answer; 0 when it did not do so yet. *refusals* is how often
    its database has refused that in a row, *cause* the last refusal or what else is wrong. *epoch*
    is the one in which config accepts changes, 0 while it accepts none.
    """

    node: NodeId
    worked_at: Instant
    refusals: int = 0
    cause: str = ""
    epoch: Epoch = Epoch(0)


class ProveConfig(Request[ServiceProof]):
    """Ask the config of *node* to show that it commits; only that node's monitor asks.

    *fresh* asks for a commit that begins after the question: the role is about to come here.
    """

    subject: ClassVar = Subject(
        "meridian.config.{node}.prove",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"config"}),
    )

    node: NodeId
    fresh: bool = False


class ProveReplication(Request[ServiceProof]):
    """Ask the replication of *node* to show that it follows; only that node's monitor asks."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.prove",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId


class ProveGateway(Request[ServiceProof]):
    """Ask a gateway of *node* to show that it answers; only that node's monitor asks."""

    subject: ClassVar = Subject(
        "meridian.gateway.{node}.prove",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"gateway"}),
    )

    node: NodeId
