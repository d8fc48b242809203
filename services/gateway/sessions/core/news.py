"""Decides which changes of a session to report to tools outside: how two states of it differ."""

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
        cause=_cause(before, after),
        representative=after.representative,
        nodes=tuple(path.node for path in after.paths),
        added=tuple(path.node for path in after.paths[len(known) :]),
    )


def _cause(before: SessionState | None, after: SessionState) -> str:
    if before is None:
        return _first_cause(after)
    if after.phase is SessionPhase.CLOSED:
        return after.close_message or "closed"
    has_moved = before.phase is not after.phase
    if has_moved and (after.phase is SessionPhase.WAITING or before.ends == after.ends):
        return _cause_of_presence(after)
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


def _cause_of_presence(after: SessionState) -> str:
    """Say how the ends' coming and going changed the phase; nobody joined."""
    if after.phase is SessionPhase.ACTIVE:
        return "both ends are connected again"
    return "an end is gone" if Side.CUSTOMER in after.ends else "the customer left"
