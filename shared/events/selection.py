"""Asking which traffic node, and the answer with its reasons."""

from typing import ClassVar

from shared.documents.site import SelectionMethod
from shared.domain.ids import NodeId, Revision, SessionId
from shared.domain.node import Side
from shared.events.message import Message, Request
from shared.events.subject import Subject


class ClientFacts(Message):
    """What is known of one endpoint: nothing in it is trusted further than to rank nodes."""

    address: str
    side: Side = Side.CUSTOMER
    utc_offset_minutes: int | None = None
    latencies_ms: dict[NodeId, float] = {}


class NodeVerdict(Message):
    """One node in the explanation: its rank (from 1), or the one reason it was refused."""

    node: NodeId
    rank: int | None
    reason: str


class Choice(Message):
    """A node in the ordered answer, with the address that endpoints connect to."""

    node: NodeId
    host: str
    port: int


class NodesSelected(Message):
    """First choice and alternates, best first, and why."""

    choices: tuple[Choice, ...]
    method: str
    explanation: tuple[NodeVerdict, ...]
    revision: Revision
    fallback_to_primary: bool = False


class SelectNodes(Request):
    """Which traffic nodes for this client; at most *count*, best first.

    *method* takes the place of the site's own.
    """

    subject: ClassVar = Subject(
        "meridian.selection.select",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"node_selector"}),
    )
    reply: ClassVar = NodesSelected

    session: SessionId | None = None
    client: ClientFacts
    count: int = 3
    avoid: tuple[NodeId, ...] = ()
    method: SelectionMethod | None = None


class ExplainSelection(SelectNodes):
    """The same question by an operator: answered with every node's verdict, choosing nothing."""

    subject: ClassVar = Subject(
        "meridian.selection.explain",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"node_selector"}),
    )
