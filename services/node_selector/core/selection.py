"""Decides the placement of one client: an ordered answer, and every node's verdict.

1. who may take a client at all (`eligibility`), unless nearly everybody seems dead (`panic`);
2. a pin, network address prefixes, regions, the methods in their order, the rendezvous hash, as
   `order` describes it;
3. nobody eligible: the primary's own relay, up to the site's limit, or `NoTrafficNode`.

`choose` answers from the roster and ranks no more nodes than are asked for; `place` ranks and
explains everybody as of one moment. Both read the same order, so the answer of the first is the
head of the second. The order is total: no two nodes are ever equal, so equal facts give equal
answers on every replica.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from services.node_selector.core.asked import Asked
from services.node_selector.core.draws import table_of
from services.node_selector.core.eligibility import Candidate, why_not, why_unable
from services.node_selector.core.facts import Question
from services.node_selector.core.order import Eligible, Matches, decision, network_chooses, ranking
from services.node_selector.core.panic import believed
from services.node_selector.core.pool import Pool
from services.node_selector.core.prefixes import Bits, PrefixTable, parse_bits
from services.node_selector.core.reasons import Reasons, notes, summary
from services.node_selector.core.roster import NO_SUCH_NODE, Roster
from shared.documents.selection import Selection
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId
from shared.domain.node import NodeRole

RETRY_AFTER_SECONDS: Final = 2
NO_LIVE_STATE: Final = "no live state yet"
TOLD_NODES: Final = 5
"""A refusal names so many nodes; the explanation names all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A node's rank from 1, or the one reason why it was refused."""

    node: NodeId
    rank: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The answer: nodes to use, best first, which method decided, and why."""

    chosen: tuple[NodeId, ...]
    verdicts: tuple[Verdict, ...]
    method: str
    notes: tuple[str, ...] = ()
    fallback_to_primary: bool = False
    refused_because: str = ""
    is_by_network: bool = False
    """Whether the network behind the shared address chooses, and *chosen* are alternates to it."""


@dataclass(frozen=True, slots=True)
class Field:
    """Everything that a placement is chosen from: the directory and the live state of now.

    *deaf_seconds* is for how long nobody at all was heard, when that is too long to be chance.
    """

    candidates: Sequence[Candidate]
    prefixes: PrefixTable
    policy: Selection
    version: str
    primary: NodeId | None
    nothing_heard: bool
    deaf_seconds: float | None = None


def field_of(roster: Roster, rule: Selection, now: Instant) -> Field:
    """What the roster knows at this moment."""
    return Field(
        candidates=roster.candidates(now),
        prefixes=roster.prefixes,
        policy=rule,
        version=roster.version,
        primary=roster.live.primary,
        nothing_heard=roster.live.is_empty,
        deaf_seconds=roster.deaf_seconds(now),
    )


def choose(question: Question, rule: Selection, roster: Roster) -> tuple[NodeId, ...]:
    """Whom the client gets, best first; nobody when nobody may take it."""
    eligible = roster.eligible(rule.regions.exclude, question.now)
    asked = Asked(question, rule, roster.table)
    ranked = ranking(eligible, _matches(asked, roster.prefixes)[1], asked)
    return tuple([each.node for each in islice(ranked, question.count)])


def comes_first(question: Question, rule: Selection, roster: Roster) -> str:
    """What decides alone who is first, before any method is asked; "" when methods decide."""
    sure = roster.eligible(rule.regions.exclude, question.now).sure

    def is_free(node: NodeId | None) -> bool:
        return node in sure and node not in question.avoid

    if is_free(question.pin):
        return "the pin"
    _, matches = _matches(Asked(question, rule, roster.table), roster.prefixes)
    groups = ([node for node in nodes if is_free(node)] for _, nodes in matches)
    longest = next(filter(None, groups), list[NodeId]())
    return "a network address prefix" if len(longest) == 1 else ""


def chosen_because(question: Question, rule: Selection, roster: Roster) -> Placement:
    """What `choose` answers, with the reasons for the chosen and no word on the others."""
    eligible = roster.eligible(rule.regions.exclude, question.now)
    asked = Asked(question, rule, roster.table, told={})
    address, matches = _matches(asked, roster.prefixes)
    ranked = list(islice(ranking(eligible, matches, asked), question.count))
    deaf = roster.deaf_seconds(question.now)
    verdicts = _verdicts(ranked, eligible, Reasons(asked, address, matches, deaf))
    first = ranked[0].node if ranked else None

    def why(node: NodeId) -> str | None:
        return roster.why_not(node, rule.regions.exclude, question.now)

    decided = decision(eligible, asked)
    told = (*decided.notes, *notes(asked, first, why, deaf))
    return Placement(
        tuple(each.node for each in ranked),
        verdicts,
        decided.method,
        told,
        is_by_network=network_chooses(decided, eligible, matches, asked),
    )


def place(question: Question, field: Field) -> Placement:
    """The placement of a client with everybody's verdict; `chosen` is empty when nobody may."""
    rule = field.policy
    field = replace(field, candidates=believed(field.candidates, rule.panic_threshold_percent))
    refused = {
        each.node: why_not(each, field.version, rule.regions.exclude) for each in field.candidates
    }
    eligible = _eligible(field.candidates, refused)
    asked = Asked(question, rule, table_of(field.candidates), told={})
    address, matches = _matches(asked, field.prefixes)
    ranked = list(ranking(eligible, matches, asked))
    verdicts = (
        *_verdicts(ranked, eligible, Reasons(asked, address, matches, field.deaf_seconds)),
        *(Verdict(node, None, why) for node, why in sorted(refused.items()) if why is not None),
    )
    decided, first = decision(eligible, asked), ranked[0].node if ranked else None

    def why(node: NodeId) -> str | None:
        return refused.get(node, NO_SUCH_NODE)

    told = (*decided.notes, *notes(asked, first, why, field.deaf_seconds))
    chosen = tuple(each.node for each in ranked[: question.count])
    by_network = network_chooses(decided, eligible, matches, asked)
    placement = Placement(chosen, verdicts, decided.method, told, is_by_network=by_network)
    if field.nothing_heard:
        return replace(placement, chosen=(), refused_because=NO_LIVE_STATE)
    return placement if ranked else _fallback(field, placement)


def _eligible(candidates: Sequence[Candidate], refused: Mapping[NodeId, str | None]) -> Eligible:
    able = [each for each in candidates if refused[each.node] is None]
    return Eligible(
        Pool(each for each in able if not each.is_doubtful),
        Pool(each for each in able if each.is_doubtful),
    )


def _verdicts(
    ranked: Sequence[Candidate], eligible: Eligible, reasons: Reasons
) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(each.node, rank, reasons.of(each, is_doubtful=each.node in eligible.doubtful))
        for rank, each in enumerate(ranked, start=1)
    )


def _matches(asked: Asked, prefixes: PrefixTable) -> tuple[Bits | None, Matches]:
    """The client's address, and the networks that it lies in."""
    address = parse_bits(asked.end.address)
    return address, () if address is None else prefixes.matches(address)


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


def _fallback(field: Field, placement: Placement) -> Placement:
    why, limit = _why_no_fallback(field), field.policy.maximum_client_fallback_to_primary
    if why is not None:
        reason = f"{_refusals(field, placement)}; {why}"
        return replace(placement, refused_because=reason)
    assert field.primary is not None, "a fallback without a primary"
    first = Verdict(field.primary, 1, f"fallback to the primary, for at most {limit} sessions")
    others = (each for each in placement.verdicts if each.node != field.primary)
    return replace(
        placement,
        chosen=(field.primary,),
        verdicts=(first, *others),
        method="fallback",
        fallback_to_primary=True,
    )


def _why_no_fallback(field: Field) -> str | None:
    limit, excluded = field.policy.maximum_client_fallback_to_primary, field.policy.regions.exclude
    primary = next((each for each in field.candidates if each.node == field.primary), None)
    if limit == 0:
        return "the site allows no fallback to the primary"
    if primary is None:
        return "no primary is known for the fallback"
    reason = why_unable(primary, field.version, limit, excluded)
    return f"the primary {primary.node} cannot stand in ({reason})" if reason else None


def _refusals(field: Field, placement: Placement) -> str:
    role = {each.node: each.document.role for each in field.candidates}
    traffic = [
        (each.node, each.reason)
        for each in placement.verdicts
        if role[each.node] is NodeRole.TRAFFIC
    ]
    return summary(traffic, TOLD_NODES)
