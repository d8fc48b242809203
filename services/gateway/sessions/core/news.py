"""Decides which changes of a session to report to tools outside: how two states of it differ."""

from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.session import SessionChanged, SessionState


def describe_change(before: SessionState | None, after: SessionState) -> SessionChanged | None:
    """Describe what one write changed in a session; None when it changed nothing."""
    if before == after:
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
    if before is None and after.queued is not None:
        return f"a customer came to {after.queued.public_site} for the team {after.queued.team}"
    if before is None:
        return f"opened by {after.representative}"
    if after.phase is SessionPhase.CLOSED:
        return after.close_message or "closed"
    if before.representative != after.representative:
        return f"taken by {after.representative}"
    if before.ends.get(Side.CUSTOMER) != after.ends.get(Side.CUSTOMER):
        is_back = Side.CUSTOMER in before.ends
        return "the customer came again" if is_back else "the customer came"
    return "an end lost every path" if before.paths else "the ends got their paths"
