"""Decides what would happen if the primary failed now, from what the masters say of themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.cluster.core.survival import MasterFacts, SiteFacts
from shared.domain.ids import NodeId
from shared.domain.log_server import LogQuorum
from shared.domain.node import MasterRole
from shared.domain.primary import PrimaryClaim, apparent_primary
from shared.events.failover import MasterStatus


@dataclass(frozen=True, slots=True)
class Takeover:
    """The primary, its successor in a takeover, and a sentence about both for operators.

    *facts* are the masters that answered, and the log's servers as the primary sees them, or else
    any other master.
    """

    primary: NodeId | None
    successor: NodeId | None
    verdict: str
    facts: SiteFacts


def forecast_takeover(masters: Sequence[MasterStatus]) -> Takeover:
    """Forecast a takeover from the answers of *masters*, those that did answer."""
    claim = apparent_primary(
        PrimaryClaim(each.node, each.epoch) for each in masters if each.role is MasterRole.PRIMARY
    )
    primary = None if claim is None else claim.node
    successor = min((each.node for each in masters if each.could_take_over), default=None)
    seen = sorted(masters, key=lambda each: (each.node != primary, each.node))
    quorums = [LogQuorum(each.log_servers) for each in seen if each.log_servers]
    log = quorums[0] if quorums else LogQuorum({})
    reasons = next((each.reasons for each in masters if each.node == primary), ())
    verdict = _verdict(primary, successor)
    if reasons:
        verdict = f"{primary} is primary and not well ({'; '.join(reasons)}); {verdict}"
    known = [_facts(each, is_primary=each.node == primary) for each in masters]
    return Takeover(primary, successor, verdict, SiteFacts(known, log))


def _facts(master: MasterStatus, *, is_primary: bool) -> MasterFacts:
    return MasterFacts(
        master.node,
        is_primary=is_primary,
        could_take_over=master.could_take_over,
        reasons=master.reasons,
    )


def _verdict(primary: NodeId | None, successor: NodeId | None) -> str:
    if successor is None:
        who = "nobody is primary, and" if primary is None else f"if {primary} failed,"
        return f"{who} no master would take the role over"
    if primary is None:
        return f"nobody is primary; {successor} will take the role over"
    return f"if {primary} failed, {successor} would take the role over"
