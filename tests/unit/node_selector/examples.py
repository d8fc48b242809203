from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.liveness import Load, Seen
from services.node_selector.core.prefixes import PrefixTable
from services.node_selector.core.selection import Field
from shared.documents.node import Address, NodeDocument
from shared.documents.selection import Selection, SelectionMethod, SelectionOverride, merged
from shared.domain.ids import NodeId
from shared.domain.node import Liveness, NodeRole

VERSION = "1.2.0"
IDLE = Load(sessions=0, draining=False, version=VERSION)
ALIVE = Seen(Liveness.ALIVE, 0.1, IDLE)


def document(**fields: object) -> NodeDocument:
    address = Address(host="relay.example.com", port=7000)
    given = {"role": NodeRole.TRAFFIC, "public_address": address, **fields}
    return NodeDocument.model_validate(given)


def candidate(name: str, *prefixes: str, seen: Seen | None = ALIVE, **fields: object) -> Candidate:
    networks = tuple(ip_network(prefix) for prefix in prefixes)
    return Candidate(NodeId(name), document(prefixes=networks, **fields), seen)


def seen(
    liveness: Liveness = Liveness.ALIVE,
    *,
    sessions: int = 0,
    draining: bool = False,
    version: str = VERSION,
) -> Seen:
    return Seen(liveness, 2.0, Load(sessions, draining, version))


def master(name: str, seen: Seen | None = ALIVE, **fields: object) -> Candidate:
    return Candidate(NodeId(name), document(role=NodeRole.MASTER, **fields), seen)


def field(
    candidates: Iterable[Candidate],
    *,
    primary: str | None = None,
    fallback: int = 10,
    nothing_heard: bool = False,
    method: SelectionMethod = SelectionMethod.RANDOM,
    panic: int = 90,
) -> Field:
    nodes: Sequence[Candidate] = tuple(candidates)
    return Field(
        candidates=nodes,
        prefixes=PrefixTable({each.node: each.document.prefixes for each in nodes}),
        policy=merged(
            Selection(
                maximum_client_fallback_to_primary=fallback,
                panic_threshold_percent=panic,
            ),
            SelectionOverride(methods=(method,)),
        ),
        version=VERSION,
        primary=NodeId(primary) if primary else None,
        nothing_heard=nothing_heard,
    )
