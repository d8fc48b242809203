from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import End, Question
from services.node_selector.core.live_state import Load, RelayStatus
from services.node_selector.core.prefixes import PrefixTable
from services.node_selector.core.selection import PlacementInput
from shared.documents.node import Address, NodeDocument
from shared.documents.selection import Selection, SelectionMethod, SelectionOverride, merged
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole

VERSION = "1.2.0"
IDLE = Load(sessions=0, draining=False, version=VERSION)
ALIVE = RelayStatus(Liveness.ALIVE, 0.1, IDLE)


def document(**fields: object) -> NodeDocument:
    address = Address(host="relay.example.com", port=7000)
    given = {"role": NodeRole.TRAFFIC, "public_address": address, **fields}
    return NodeDocument.model_validate(given)


def candidate(
    name: str, *prefixes: str, status: RelayStatus | None = ALIVE, **fields: object
) -> Candidate:
    networks = tuple(ip_network(prefix) for prefix in prefixes)
    return Candidate(NodeId(name), document(prefixes=networks, **fields), status)


def status(
    liveness: Liveness = Liveness.ALIVE,
    *,
    sessions: int = 0,
    draining: bool = False,
    version: str = VERSION,
) -> RelayStatus:
    return RelayStatus(liveness, 2.0, Load(sessions, draining, version))


def master(name: str, status: RelayStatus | None = ALIVE, **fields: object) -> Candidate:
    return Candidate(NodeId(name), document(role=NodeRole.MASTER, **fields), status)


def question(
    address: str = "198.51.100.7",
    *,
    offset: int | None = None,
    at: int = 0,
    end: End | None = None,
    **facts: Any,
) -> Question:
    known = end or End(address, utc_offset_minutes=offset)
    return Question(end=known, at=UnixMillis(at), **facts)


def table(nodes: Iterable[Candidate]) -> PrefixTable:
    found = PrefixTable()
    for each in nodes:
        found.add(each.node, each.document.prefixes)
    return found


def field(
    candidates: Iterable[Candidate],
    *,
    primary: str | None = None,
    fallback: int = 10,
    nothing_heard: bool = False,
    method: SelectionMethod | Sequence[SelectionMethod] = SelectionMethod.RANDOM,
    panic: int = 90,
    **rule: Any,
) -> PlacementInput:
    nodes: Sequence[Candidate] = tuple(candidates)
    methods = (method,) if isinstance(method, SelectionMethod) else tuple(method)
    return PlacementInput(
        candidates=nodes,
        prefixes=table(nodes),
        policy=merged(
            Selection(
                maximum_client_fallback_to_primary=fallback,
                panic_threshold_percent=panic,
            ),
            SelectionOverride.model_construct(methods=methods, **rule),
        ),
        version=VERSION,
        primary=NodeId(primary) if primary else None,
        nothing_heard=nothing_heard,
    )
