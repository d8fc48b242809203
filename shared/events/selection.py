"""The request for a traffic node, and the answer with its reasons."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

from pydantic import model_validator

from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, Revision, SessionId
from shared.domain.node import Side
from shared.domain.placement import Choice, NodeVerdict, SharedAddress
from shared.events.message import Message, Request
from shared.events.subject import Subject

FARTHEST_OFFSET_MINUTES: Final = 14 * 60
MOST_MEASUREMENTS: Final = 10_000
LONGEST_LATENCY_MS: Final = 60_000.0
LONGEST_ADDRESS: Final = 64


class ClientFacts(Message):
    """The known facts of one endpoint: nothing in it is trusted further than to rank nodes.

    *latencies_ms* are what the endpoint measured to the relays, *latency_ages_seconds* how long ago
    (a node that is not in there: just now). What makes no sense is left out, and *left_out* says so
    in a sentence each, for the explanation: an endpoint that lies is placed like one that is
    silent. By *last_node* the endpoint's session before went.
    """

    address: str
    side: Side = Side.CUSTOMER
    utc_offset_minutes: int | None = None
    latencies_ms: dict[NodeId, float] = {}
    latency_ages_seconds: dict[NodeId, float] = {}
    last_node: NodeId | None = None
    left_out: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _sensible(cls, body: Any) -> Any:
        if not isinstance(body, Mapping):
            return body
        facts, nonsense = dict(cast("Mapping[str, Any]", body)), list[str]()
        _keep_address(facts, nonsense)
        _keep_offset(facts, nonsense)
        for field in ("latencies_ms", "latency_ages_seconds"):
            _keep_measurements(facts, field, nonsense)
        if nonsense:
            before = facts.get("left_out")
            facts["left_out"] = (*(before if isinstance(before, list | tuple) else ()), *nonsense)
        return facts


def _keep_address(facts: dict[str, Any], nonsense: list[str]) -> None:
    address = facts.get("address", "")
    if not isinstance(address, str) or len(address) > LONGEST_ADDRESS:
        facts["address"] = ""
        nonsense.append("an address that is none was left out")


def _keep_offset(facts: dict[str, Any], nonsense: list[str]) -> None:
    offset = facts.get("utc_offset_minutes")
    if offset is None:
        return
    is_offset = isinstance(offset, int | float) and abs(offset) <= FARTHEST_OFFSET_MINUTES
    if not is_offset or offset != int(offset):
        facts["utc_offset_minutes"] = None
        nonsense.append("a UTC offset beyond -14:00 to +14:00 was left out")


def _keep_measurements(facts: dict[str, Any], field: str, nonsense: list[str]) -> None:
    measurements = facts.get(field)
    if not measurements:
        facts.pop(field, None)
        return
    table: Mapping[Any, Any] = (
        cast("Any", measurements) if isinstance(measurements, Mapping) else {}
    )
    if not 0 < len(table) <= MOST_MEASUREMENTS:
        facts[field] = {}
        nonsense.append(f"{field} was left out: it is no table of at most {MOST_MEASUREMENTS:,}")
        return
    kept = {node: value for node, value in table.items() if _is_measurement(value)}
    if len(kept) < len(table):
        facts[field] = kept
        nonsense.append(f"{len(table) - len(kept)} impossible values of {field} were left out")


def _is_measurement(value: object) -> bool:
    """Say whether *value* is a number that somebody may have measured; an age is bounded alike."""
    return isinstance(value, int | float) and 0 <= value <= LONGEST_LATENCY_MS


class NodesSelected(Message):
    """First choice and alternates, best first, and why.

    *method* is the one that decided, *notes* say what did not work on the way there. Where the
    site's method is `ip_anycast`, *shared* is what the first end uses in place of *choices*.
    """

    choices: tuple[Choice, ...]
    method: str
    explanation: tuple[NodeVerdict, ...]
    revision: Revision
    fallback_to_primary: bool = False
    policy: str = ""
    notes: tuple[str, ...] = ()
    shared: SharedAddress | None = None


class SelectNodes(Request[NodesSelected]):
    """Choose traffic nodes for this client; at most *count*, best first.

    *other* is the other end of the session. *methods* take the place of whatever the site, the
    *public_site* or the *team* says. *pin* comes first if it may take the
    client; *current* is the node that the session has, which small differences of latency do not
    move.
    """

    subject: ClassVar = Subject(
        "meridian.selection.select",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"node_selector"}),
    )

    session: SessionId | None = None
    client: ClientFacts
    other: ClientFacts | None = None
    count: int = 3
    avoid: tuple[NodeId, ...] = ()
    methods: tuple[SelectionMethod, ...] = ()
    public_site: str | None = None
    team: str | None = None
    pin: NodeId | None = None
    current: NodeId | None = None


class ExplainSelection(SelectNodes):
    """Explain a selection to an operator: every node's verdict, choosing nothing."""

    subject: ClassVar = Subject(
        "meridian.selection.explain",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"node_selector"}),
    )
