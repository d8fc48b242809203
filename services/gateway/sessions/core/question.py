"""Builds the question to a node selector from a session's state, and what is kept of the answer.

Both ends' facts go with it: whose path is made short is the site's policy, not the gateway's
business. What an end measured ages until it is used.
"""

from collections.abc import Iterator
from typing import Final

from shared.domain.ids import UnixMillis
from shared.domain.node import Side
from shared.events.selection import ClientFacts, NodesSelected, SelectNodes
from shared.events.session import Joined, SessionState

EXPLAINED_NODES: Final = 24
"""A session keeps the reasons of so many nodes; `meridian select --explain` shows all."""


def build_question(state: SessionState, now: UnixMillis) -> SelectNodes:
    """Build the question which nodes the session of *state* gets; its customer has come."""
    customer = state.ends[Side.CUSTOMER]
    other = state.ends.get(Side.REPRESENTATIVE)
    queued = state.queued
    return SelectNodes(
        session=state.session,
        client=with_current_ages(customer, now),
        other=None if other is None else with_current_ages(other, now),
        avoid=tuple({path.node for path in state.paths}),
        methods=() if queued is None or not queued.selection_method else (queued.selection_method,),
        public_site=None if queued is None else queued.public_site,
        team=None if queued is None else queued.team,
        pin=state.pin,
        current=state.paths[0].node if state.paths else customer.facts.last_node,
    )


def with_current_ages(end: Joined, now: UnixMillis) -> ClientFacts:
    """Return the facts of *end*, with its measurements as old as they are at *now*."""
    facts, passed = end.facts, max(0, now - end.at_unix_ms) / 1000
    ages = {node: facts.latency_ages_seconds.get(node, 0.0) + passed for node in facts.latencies_ms}
    return facts.model_copy(update={"latency_ages_seconds": ages})


def summarise_reasons(chosen: NodesSelected) -> tuple[str, ...]:
    """List the answer's reasons that a session keeps: the notes, the first nodes with theirs."""
    return tuple(_lines(chosen))


def _lines(chosen: NodesSelected) -> Iterator[str]:
    yield from chosen.notes
    for verdict in chosen.explanation[:EXPLAINED_NODES]:
        yield f"{verdict.node}: {verdict.reason}"
    if len(chosen.explanation) > EXPLAINED_NODES:
        yield f"and {len(chosen.explanation) - EXPLAINED_NODES} more nodes"
