"""Decides what would happen if the primary failed now, from what the masters say of themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.ids import NodeId
from shared.domain.log_server import LogQuorum
from shared.domain.node import MasterRole
from shared.domain.primary import PrimaryClaim, apparent_primary
from shared.events.failover import MasterStatus


@dataclass(frozen=True, slots=True)
class Takeover:
    """The primary, its successor in a takeover, and a sentence about both for operators.

    *log* says what the log survives, as the primary sees its servers, or else any other master.
    """

    primary: NodeId | None
    successor: NodeId | None
    verdict: str
    log: LogQuorum


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
    return Takeover(primary, successor, _verdict(primary, successor), log)


def _verdict(primary: NodeId | None, successor: NodeId | None) -> str:
    if successor is None:
        who = "nobody is primary, and" if primary is None else f"if {primary} failed,"
        return f"{who} no master would take the role over"
    if primary is None:
        return f"nobody is primary; {successor} will take the role over"
    return f"if {primary} failed, {successor} would take the role over"
