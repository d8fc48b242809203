"""Writes the sentences of an explanation: what each rank rests on, and what did not work.

Sentences are made here only, and only when somebody reads them.
"""

from collections.abc import Callable, Iterator, Sequence

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.panic import NOT_BELIEVED
from services.node_selector.core.prefixes import Bits, network_of
from services.node_selector.core.ranking import METHODS, Matches
from services.node_selector.core.ranking_context import RankingContext
from shared.documents.selection import SelectionPolicy
from shared.domain.ids import NodeId

WhyNot = Callable[[NodeId], str | None]
"""Says why a node takes no client; None when it may."""


class Reasons:
    """Says what the ranks of nodes rest on, for one question."""

    def __init__(
        self,
        context: RankingContext,
        address: Bits | None,
        matches: Matches,
        feed_lost_seconds: float | None,
    ) -> None:
        self._context = context
        self._address = address
        self._lengths = {node: length for length, nodes in matches for node in nodes}
        self._feed_lost_seconds = feed_lost_seconds

    def of(self, candidate: Candidate, *, is_doubtful: bool) -> str:
        return "; ".join(self._parts(candidate, is_doubtful=is_doubtful))

    def _parts(self, candidate: Candidate, *, is_doubtful: bool) -> Iterator[str]:
        node, question, rule = candidate.node, self._context.question, self._context.rule
        if node in question.avoid:
            yield "to be avoided"
        elif node == question.pin and not is_doubtful:
            yield "pinned"
        if is_doubtful:
            yield (
                NOT_BELIEVED
                if self._feed_lost_seconds is None
                else feed_lost_note(self._feed_lost_seconds)
            )
        if self._address is not None and node in self._lengths:
            yield f"network {network_of(self._address, self._lengths[node])}"
        if candidate.document.region in rule.regions.affinity:
            yield f"preferred region {candidate.document.region}"
        for method in rule.methods:
            yield METHODS[method].basis(candidate, self._context)


def feed_lost_note(feed_lost_seconds: float) -> str:
    return f"state feed lost since {feed_lost_seconds:.0f} s: nobody is heard"


def notes(
    context: RankingContext, first: NodeId | None, why_not: WhyNot, feed_lost_seconds: float | None
) -> Iterator[str]:
    """Yield what a reader should know beside the order: facts that did not count."""
    if feed_lost_seconds is not None:
        yield feed_lost_note(feed_lost_seconds)
    yield from _policy_note(context)
    for end in context.ends:
        yield from (f"{end.side}: {sentence}" for sentence in end.left_out)
    pin = context.question.pin
    if pin is not None and pin != first:
        yield f"pinned to {pin}, which is passed over: {_why_no_pin(pin, context, why_not)}"


def _why_no_pin(pin: NodeId, context: RankingContext, why_not: WhyNot) -> str:
    if pin in context.question.avoid:
        return "to be avoided"
    return why_not(pin) or "others are heard, and it is silent"


def _policy_note(context: RankingContext) -> Iterator[str]:
    policy = context.rule.policy
    if policy is SelectionPolicy.PAIR:
        if len(context.ends) == 1:
            yield f"policy pair: only the {context.end.side} is known yet"
    elif context.end.side.value != policy.value:
        yield f"policy {policy}: only the {context.end.side} is known yet"


def summary(refused: Sequence[tuple[NodeId, str]], shown_nodes: int) -> str:
    """Name the first of *refused* with their reasons, and how many more there are."""
    shown = [f"{node} ({reason})" for node, reason in refused[:shown_nodes]]
    if len(refused) > shown_nodes:
        shown.append(f"and {len(refused) - shown_nodes} more")
    return ", ".join(shown) if shown else "the site has no traffic node"
