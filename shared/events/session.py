"""A session's one state, changed by compare-and-set, and what relays report of it."""

from typing import ClassVar, Literal

from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.message import Event, Message
from shared.events.selection import ClientFacts
from shared.events.subject import Subject


class PathOffer(Message):
    """One path of the session: the node, how to reach it, and its generation."""

    node: NodeId
    host: str
    port: int
    generation: PathGeneration


class SharedPath(Message):
    """A path by the address that all relays share: for the *first* end, until WAIT names a node.

    *alternates* become paths together with it, so that nobody takes them before.
    """

    host: str
    port: int
    generation: PathGeneration
    first: Side
    alternates: tuple[PathOffer, ...] = ()


class Joined(Message):
    """One end of the session and what selection may know of it."""

    facts: ClientFacts
    at_unix_ms: int


class Queued(Message):
    """The beginning of a session in a team's queue: where the customer arrived, by which name.

    *selection_method* was the public site's own, of sessions begun before it had more to say.
    """

    team: str
    public_site: str
    customer: str = ""
    selection_method: SelectionMethod | None = None


class Attachment(Message):
    """The program that holds one side's control channel, or that held it last.

    *endpoint* is the number that the program drew for itself, *gateway* the master that it is
    connected to. *left_unix_ms* is None while it is connected; *has_ended* means that it said
    good-bye and does not come back.
    """

    endpoint: str
    gateway: NodeId
    since_unix_ms: int
    left_unix_ms: int | None = None
    has_ended: bool = False


class SessionState(Event):
    """Everything that the gateways decided of one session; the last one stands.

    *representative* is empty as long as the session waits in a queue. *pin* is the node that the
    session is to go by as long as that takes it.
    """

    subject: ClassVar = Subject(
        "meridian.session.{session}.state", speakers=frozenset({"gateway"}), stored=True
    )

    session: SessionId
    phase: SessionPhase
    representative: str
    opened_unix_ms: int
    expires_unix_ms: int
    ends: dict[Side, Joined] = {}
    paths: tuple[PathOffer, ...] = ()
    next_generation: PathGeneration = PathGeneration(1)
    placed_unix_ms: int = 0
    explanation: tuple[str, ...] = ()
    close_reason: CloseReason | None = None
    close_message: str = ""
    queued: Queued | None = None
    pin: NodeId | None = None
    shared_path: SharedPath | None = None
    attached: dict[Side, Attachment] = {}


class PathReported(Event):
    """A relay saw the pair of *session* on path *generation* come together or part."""

    subject: ClassVar = Subject(
        "meridian.session.{session}.{node}.path",
        speakers=frozenset({"relay"}),
        sender_field="node",
        stored=True,
    )

    session: SessionId
    node: NodeId
    generation: PathGeneration
    fact: str
    bytes_carried: int = 0
    at_unix_ms: int


class SessionChanged(Event):
    """*session* is in *phase* now, for *cause*; its ends may use *nodes*, the *added* ones anew.

    A session's number says nothing of the words of its key, which the site never has.
    """

    subject: ClassVar = Subject(
        "meridian.event.session.changed", speakers=frozenset({"gateway"}), stored=True
    )

    session: SessionId
    phase: SessionPhase
    previous: SessionPhase | None
    cause: str
    representative: str
    nodes: tuple[NodeId, ...] = ()
    added: tuple[NodeId, ...] = ()


class SessionPathChanged(Event):
    """The pair of *session* at the relay of *node* came together, or parted again."""

    subject: ClassVar = Subject(
        "meridian.event.session.path_changed", speakers=frozenset({"relay"}), stored=True
    )

    session: SessionId
    node: NodeId
    generation: PathGeneration
    state: Literal["ready", "parted"]
    previous: Literal["waiting", "ready"]
    cause: str
    bytes_carried: int = 0
