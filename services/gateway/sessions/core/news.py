"""Decides what to report of a session's changes: to tools outside, and to its own ends."""

from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.session import SessionChanged, SessionState


def describe_change(before: SessionState | None, after: SessionState) -> SessionChanged | None:
    """Describe what one write changed in a session; None when it changed nothing to report.

    Which program holds which side is the gateways' own business.
    """
    if before is not None and before.model_copy(update={"attached": after.attached}) == after:
        return None
    known = () if before is None else before.paths
    return SessionChanged(
        session=after.session,
        phase=after.phase,
        previous=None if before is None else before.phase,
        cause=_first_cause(after) if before is None else _cause(before, after),
        representative=after.representative,
        nodes=tuple(path.node for path in after.paths),
        added=tuple(path.node for path in after.paths[len(known) :]),
    )


def has_news_of_paths(seen: SessionState | None, state: SessionState, side: Side) -> bool:
    """Say whether the end at *side*, which has *seen* a state, is to get the paths of *state*.

    An end that asked for others gets its paths again, also when there are no others.
    """
    shared = state.shared_path
    if not state.paths and (shared is None or shared.first is not side):
        return False
    if seen is None or seen == state:
        return True
    return (seen.paths, seen.shared_path) != (state.paths, shared)


def _cause(before: SessionState, after: SessionState) -> str:
    if after.phase is SessionPhase.CLOSED:
        return after.close_message or "closed"
    if before.ends.keys() - after.ends.keys():
        return "the customer left"
    if before.phase is not after.phase and after.phase is SessionPhase.WAITING:
        return "an end is gone"
    if before.phase is not after.phase and before.ends == after.ends:
        return "both ends are connected again"
    return _cause_of_step(before, after)


def _cause_of_step(before: SessionState, after: SessionState) -> str:
    """Say which step of an end, or of the site for both, made *after* of *before*."""
    if before.representative != after.representative:
        return f"taken by {after.representative}"
    if before.ends.get(Side.CUSTOMER) != after.ends.get(Side.CUSTOMER):
        is_back = Side.CUSTOMER in before.ends
        return "the customer came again" if is_back else "the customer came"
    return "an end lost every path" if before.paths else "the ends got their paths"


def _first_cause(state: SessionState) -> str:
    queued = state.queued
    if queued is None:
        return f"opened by {state.representative}"
    return f"a customer came to {queued.public_site} for the team {queued.team}"
