"""Decides the placement of one client: an ordered answer, and every node's verdict.

1. who may take a client at all (`eligibility`), unless nearly everybody seems dead (`panic`);
2. network address prefixes: the longest match wins over the method, and the method decides
   among nodes that match equally well;
3. the method, and the rendezvous hash where it sees no difference (`methods`);
4. nodes to be avoided come last whatever they match: they are better than nothing;
5. nobody eligible: the primary's own relay, up to the site's limit, or `NoTrafficNode`.

The order is total: no two nodes are ever equal, so equal facts give equal answers on every replica.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.node_selector.core.eligibility import Candidate, why_not, why_unable
from services.node_selector.core.methods import Client, Standings, rendezvous, standings
from services.node_selector.core.panic import NOT_BELIEVED, believed
from services.node_selector.core.prefixes import PrefixTable, parse_address
from shared.documents.selection import Selection
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

RETRY_AFTER_SECONDS: Final = 2
NO_LIVE_STATE: Final = "no live state yet"
TOLD_NODES: Final = 5
"""A refusal names so many nodes; the explanation names all."""


Group = tuple[bool, bool, int]
"""To be avoided, of doubtful life, and how badly its networks match: the least come first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A node's rank from 1, or the one reason why it was refused."""

    node: NodeId
    rank: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The answer: nodes to use, best first, and why."""

    chosen: tuple[NodeId, ...]
    verdicts: tuple[Verdict, ...]
    method: str
    fallback_to_primary: bool = False
    refused_because: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """Everything that a placement is chosen from: the directory and the live state of now."""

    candidates: Sequence[Candidate]
    prefixes: PrefixTable
    policy: Selection
    version: str
    primary: NodeId | None
    nothing_heard: bool


def place(client: Client, field: Field) -> Placement:
    """The placement of *client*; `chosen` is empty when nobody may take it."""
    percent = field.policy.panic_threshold_percent
    field = replace(field, candidates=believed(field.candidates, percent))
    refused = {each.node: why_not(each, field.version) for each in field.candidates}
    eligible = [each for each in field.candidates if refused[each.node] is None]
    verdicts = [
        *_ranked(client, field, eligible),
        *(
            Verdict(node, None, reason)
            for node, reason in sorted(refused.items())
            if reason is not None
        ),
    ]
    if field.nothing_heard:
        return Placement((), tuple(verdicts), _told(field), refused_because=NO_LIVE_STATE)
    if eligible:
        chosen = tuple(verdict.node for verdict in verdicts[: min(client.count, len(eligible))])
        return Placement(chosen, tuple(verdicts), _told(field))
    return _fallback(field, verdicts)


def _told(field: Field) -> str:
    return ", ".join(field.policy.methods)


def require_node(placement: Placement) -> None:
    """Let a placement with a node pass.

    Raises:
        NoTrafficNode: nobody may take the client.
    """
    if not placement.chosen:
        raise NoTrafficNode(
            f"no node takes new clients now: {placement.refused_because}",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


def _ranked(client: Client, field: Field, eligible: Sequence[Candidate]) -> list[Verdict]:
    address = parse_address(client.address)
    matches = field.prefixes.matches(address) if address is not None else {}

    def group(candidate: Candidate) -> Group:
        match = matches.get(candidate.node)
        length = -match.prefixlen if match is not None else 1
        return candidate.node in client.avoid, candidate.is_doubtful, length

    groups: dict[Group, list[Candidate]] = {}
    for each in eligible:
        groups.setdefault(group(each), []).append(each)
    found: dict[NodeId, Standings] = {}
    for members in groups.values():
        found |= standings(field.policy.methods, members, client)

    def key(candidate: Candidate) -> tuple[Group, tuple[float, ...], int, NodeId]:
        node = candidate.node
        return group(candidate), found[node].costs, -rendezvous(client.address, node), node

    def why(candidate: Candidate) -> str:
        match, reason = matches.get(candidate.node), found[candidate.node].basis
        reason = reason if match is None else f"network {match}; {reason}"
        reason = f"{NOT_BELIEVED}; {reason}" if candidate.is_doubtful else reason
        return f"to be avoided; {reason}" if candidate.node in client.avoid else reason

    order = sorted(eligible, key=key)
    return [Verdict(each.node, rank, why(each)) for rank, each in enumerate(order, start=1)]


def _fallback(field: Field, verdicts: Sequence[Verdict]) -> Placement:
    why, limit = _why_no_fallback(field), field.policy.maximum_client_fallback_to_primary
    if why is not None:
        reason = f"{_summary(field, verdicts)}; {why}"
        return Placement((), tuple(verdicts), _told(field), refused_because=reason)
    assert field.primary is not None, "a fallback without a primary"
    first = Verdict(field.primary, 1, f"fallback to the primary, for at most {limit} sessions")
    others = (each for each in verdicts if each.node != field.primary)
    return Placement((field.primary,), (first, *others), "fallback", fallback_to_primary=True)


def _why_no_fallback(field: Field) -> str | None:
    limit = field.policy.maximum_client_fallback_to_primary
    primary = next((each for each in field.candidates if each.node == field.primary), None)
    if limit == 0:
        return "the site allows no fallback to the primary"
    if primary is None:
        return "no primary is known for the fallback"
    reason = why_unable(primary, field.version, limit)
    return f"the primary {primary.node} cannot stand in ({reason})" if reason else None


def _summary(field: Field, verdicts: Sequence[Verdict]) -> str:
    """The first refused traffic nodes with their reasons, and how many more; or none."""
    role = {each.node: each.document.role for each in field.candidates}
    traffic = [each for each in verdicts if role[each.node] is NodeRole.TRAFFIC]
    told = [f"{each.node} ({each.reason})" for each in traffic[:TOLD_NODES]]
    if len(traffic) > TOLD_NODES:
        told.append(f"and {len(traffic) - TOLD_NODES} more")
    return ", ".join(told) if told else "the site has no traffic node"
