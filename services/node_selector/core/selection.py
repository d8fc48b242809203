"""Decides the placement of one client: an ordered answer, and every node's verdict.

1. who may take a client at all (`eligibility`), unless nearly everybody seems dead (`panic`);
2. a pin, network address prefixes, regions, the methods in their order, the rendezvous hash, as
   `order` describes it;
3. no eligible node: the primary's own relay, up to the site's limit, or `NoTrafficNode`.

`choose` answers from the roster and ranks only as many nodes as the question wants; `place` ranks
and explains every node as of one moment. Both use the same order, so the answer of the first is
the head of the second. The order is total, so equal facts give equal answers on every replica.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from services.node_selector.core.eligibility import Candidate, refusal_reason, why_unable
from services.node_selector.core.facts import Question
from services.node_selector.core.panic import apply_panic
from services.node_selector.core.pool import Pool
from services.node_selector.core.prefixes import Bits, PrefixTable, parse_bits
from services.node_selector.core.ranking import (
    EligiblePools,
    Matches,
    decision,
    is_chosen_by_network,
    rank_nodes,
)
from services.node_selector.core.ranking_context import RankingContext
from services.node_selector.core.reasons import Reasons, notes, summary
from services.node_selector.core.roster import NO_SUCH_NODE, Roster
from services.node_selector.core.sampling import build_weight_table
from shared.documents.selection import Selection
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId
from shared.domain.node import NodeRole

RETRY_AFTER_SECONDS: Final = 2
NO_LIVE_STATE: Final = "no live state yet"
SHOWN_NODES: Final = 5
"""Nodes that a refusal names; the explanation names all."""


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
class PlacementInput:
    """Everything that a placement rests on: the directory and the live state of now.

    *feed_lost_seconds* is for how long no relay was heard, when that is too long to be chance.
    """

    candidates: Sequence[Candidate]
    prefixes: PrefixTable
    policy: Selection
    version: str
    primary: NodeId | None
    nothing_heard: bool
    feed_lost_seconds: float | None = None


def build_placement_input(roster: Roster, rule: Selection, now: Instant) -> PlacementInput:
    """Collect what the roster knows at this moment."""
    return PlacementInput(
        candidates=roster.candidates(now),
        prefixes=roster.prefixes,
        policy=rule,
        version=roster.version,
        primary=roster.live.primary,
        nothing_heard=roster.live.is_empty,
        feed_lost_seconds=roster.feed_lost_seconds(now),
    )


def choose(question: Question, rule: Selection, roster: Roster) -> tuple[NodeId, ...]:
    """Return the nodes for the client, best first; empty when none may take it."""
    eligible = roster.eligible(rule.regions.exclude, question.now)
    context = RankingContext(question, rule, roster.table)
    ranked = rank_nodes(eligible, _matches(context, roster.prefixes)[1], context)
    return tuple([each.node for each in islice(ranked, question.count)])


def deciding_fact(question: Question, rule: Selection, roster: Roster) -> str:
    """Name the fact that alone decides the first node before any method; "" when methods do."""
    sure = roster.eligible(rule.regions.exclude, question.now).sure

    def is_free(node: NodeId | None) -> bool:
        return node in sure and node not in question.avoid

    if is_free(question.pin):
        return "the pin"
    _, matches = _matches(RankingContext(question, rule, roster.table), roster.prefixes)
    groups = ([node for node in nodes if is_free(node)] for _, nodes in matches)
    longest = next(filter(None, groups), list[NodeId]())
    return "a network address prefix" if len(longest) == 1 else ""


def choose_with_reasons(question: Question, rule: Selection, roster: Roster) -> Placement:
    """Answer like `choose`, with the reasons for the chosen nodes and no verdict on others."""
    eligible = roster.eligible(rule.regions.exclude, question.now)
    context = RankingContext(question, rule, roster.table, draw_notes={})
    address, matches = _matches(context, roster.prefixes)
    ranked = list(islice(rank_nodes(eligible, matches, context), question.count))
    lost_seconds = roster.feed_lost_seconds(question.now)
    verdicts = _verdicts(ranked, eligible, Reasons(context, address, matches, lost_seconds))
    first = ranked[0].node if ranked else None

    def why(node: NodeId) -> str | None:
        return roster.why_not(node, rule.regions.exclude, question.now)

    decided = decision(eligible, context)
    notes_shown = (*decided.notes, *notes(context, first, why, lost_seconds))
    return Placement(
        tuple(each.node for each in ranked),
        verdicts,
        decided.method,
        notes_shown,
        is_by_network=is_chosen_by_network(decided, eligible, matches, context),
    )


def place(question: Question, facts: PlacementInput) -> Placement:
    """Place a client with a verdict on every node; `chosen` is empty when none may take it."""
    rule = facts.policy
    facts = replace(facts, candidates=apply_panic(facts.candidates, rule.panic_threshold_percent))
    refused = {
        each.node: refusal_reason(each, facts.version, rule.regions.exclude)
        for each in facts.candidates
    }
    eligible = _eligible(facts.candidates, refused)
    context = RankingContext(question, rule, build_weight_table(facts.candidates), draw_notes={})
    address, matches = _matches(context, facts.prefixes)
    ranked = list(rank_nodes(eligible, matches, context))
    verdicts = (
        *_verdicts(ranked, eligible, Reasons(context, address, matches, facts.feed_lost_seconds)),
        *(Verdict(node, None, why) for node, why in sorted(refused.items()) if why is not None),
    )
    decided, first = decision(eligible, context), ranked[0].node if ranked else None

    def why(node: NodeId) -> str | None:
        return refused.get(node, NO_SUCH_NODE)

    notes_shown = (*decided.notes, *notes(context, first, why, facts.feed_lost_seconds))
    chosen = tuple(each.node for each in ranked[: question.count])
    by_network = is_chosen_by_network(decided, eligible, matches, context)
    placement = Placement(chosen, verdicts, decided.method, notes_shown, is_by_network=by_network)
    if facts.nothing_heard:
        return replace(placement, chosen=(), refused_because=NO_LIVE_STATE)
    return placement if ranked else _fallback(facts, placement)


def _eligible(
    candidates: Sequence[Candidate], refused: Mapping[NodeId, str | None]
) -> EligiblePools:
    able = [each for each in candidates if refused[each.node] is None]
    return EligiblePools(
        Pool(each for each in able if not each.is_doubtful),
        Pool(each for each in able if each.is_doubtful),
    )


def _verdicts(
    ranked: Sequence[Candidate], eligible: EligiblePools, reasons: Reasons
) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(each.node, rank, reasons.of(each, is_doubtful=each.node in eligible.doubtful))
        for rank, each in enumerate(ranked, start=1)
    )


def _matches(context: RankingContext, prefixes: PrefixTable) -> tuple[Bits | None, Matches]:
    """Return the client's address, and the networks that hold it."""
    address = parse_bits(context.end.address)
    return address, () if address is None else prefixes.matches(address)


def require_node(placement: Placement) -> None:
    """Refuse a placement without a node.

    Raises:
        NoTrafficNode: no node may take the client.
    """
    if not placement.chosen:
        raise NoTrafficNode(
            f"no node takes new clients now: {placement.refused_because}",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


def _fallback(facts: PlacementInput, placement: Placement) -> Placement:
    why, limit = _why_no_fallback(facts), facts.policy.maximum_client_fallback_to_primary
    if why is not None:
        reason = f"{_refusals(facts, placement)}; {why}"
        return replace(placement, refused_because=reason)
    assert facts.primary is not None, "a fallback without a primary"
    first = Verdict(facts.primary, 1, f"fallback to the primary, for at most {limit} sessions")
    others = (each for each in placement.verdicts if each.node != facts.primary)
    return replace(
        placement,
        chosen=(facts.primary,),
        verdicts=(first, *others),
        method="fallback",
        fallback_to_primary=True,
    )


def _why_no_fallback(facts: PlacementInput) -> str | None:
    limit, excluded = facts.policy.maximum_client_fallback_to_primary, facts.policy.regions.exclude
    primary = next((each for each in facts.candidates if each.node == facts.primary), None)
    if limit == 0:
        return "the site allows no fallback to the primary"
    if primary is None:
        return "no primary is known for the fallback"
    reason = why_unable(primary, facts.version, limit, excluded)
    return f"the primary {primary.node} cannot stand in ({reason})" if reason else None


def _refusals(facts: PlacementInput, placement: Placement) -> str:
    role = {each.node: each.document.role for each in facts.candidates}
    traffic = [
        (each.node, each.reason)
        for each in placement.verdicts
        if role[each.node] is NodeRole.TRAFFIC
    ]
    return summary(traffic, SHOWN_NODES)
