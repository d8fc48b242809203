"""Says why: what each node's place rests on, and what did not work on the way to the answer.

Sentences are made only here and only when somebody reads them.
"""

from collections.abc import Callable, Iterator, Sequence

from services.node_selector.core.asked import Asked
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.order import METHODS, Matches
from services.node_selector.core.panic import NOT_BELIEVED
from services.node_selector.core.prefixes import Bits, network_of
from shared.documents.selection import SelectionPolicy
from shared.domain.ids import NodeId

WhyNot = Callable[[NodeId], str | None]
"""The reason why a node takes no client; None when it may."""


class Reasons:
    """What ranked nodes' places rest on, for one question."""

    def __init__(
        self,
        asked: Asked,
        address: Bits | None,
        matches: Matches,
        deaf_seconds: float | None,
    ) -> None:
        self._asked = asked
        self._address = address
        self._lengths = {node: length for length, nodes in matches for node in nodes}
        self._deaf_seconds = deaf_seconds

    def of(self, candidate: Candidate, *, is_doubtful: bool) -> str:
        return "; ".join(self._parts(candidate, is_doubtful=is_doubtful))

    def _parts(self, candidate: Candidate, *, is_doubtful: bool) -> Iterator[str]:
        node, question, rule = candidate.node, self._asked.question, self._asked.rule
        if node in question.avoid:
            yield "to be avoided"
        elif node == question.pin and not is_doubtful:
            yield "pinned"
        if is_doubtful:
            yield NOT_BELIEVED if self._deaf_seconds is None else feed_lost(self._deaf_seconds)
        if self._address is not None and node in self._lengths:
            yield f"network {network_of(self._address, self._lengths[node])}"
        if candidate.document.region in rule.regions.affinity:
            yield f"preferred region {candidate.document.region}"
        for method in rule.methods:
            yield METHODS[method].basis(candidate, self._asked)


def feed_lost(deaf_seconds: float) -> str:
    return f"state feed lost since {deaf_seconds:.0f} s: nobody is heard"


def notes(
    asked: Asked, first: NodeId | None, why_not: WhyNot, deaf_seconds: float | None
) -> Iterator[str]:
    """What the reader of an answer should know beside the order: facts that did not count."""
    if deaf_seconds is not None:
        yield feed_lost(deaf_seconds)
    yield from _policy_note(asked)
    for end in asked.ends:
        yield from (f"{end.side}: {sentence}" for sentence in end.left_out)
    pin = asked.question.pin
    if pin is not None and pin != first:
        yield f"pinned to {pin}, which is passed over: {_why_no_pin(pin, asked, why_not)}"


def _why_no_pin(pin: NodeId, asked: Asked, why_not: WhyNot) -> str:
    if pin in asked.question.avoid:
        return "to be avoided"
    return why_not(pin) or "others are heard, and it is silent"


def _policy_note(asked: Asked) -> Iterator[str]:
    policy = asked.rule.policy
    if policy is SelectionPolicy.PAIR:
        if len(asked.ends) == 1:
            yield f"policy pair: only the {asked.end.side} is known yet"
    elif asked.end.side.value != policy.value:
        yield f"policy {policy}: only the {asked.end.side} is known yet"


def summary(refused: Sequence[tuple[NodeId, str]], told_nodes: int) -> str:
    """The first of *refused* with their reasons, and how many more; or that there are none."""
    told = [f"{node} ({reason})" for node, reason in refused[:told_nodes]]
    if len(refused) > told_nodes:
        told.append(f"and {len(refused) - told_nodes} more")
    return ", ".join(told) if told else "the site has no traffic node"
