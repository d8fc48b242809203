"""Decides whether a master may be promoted without a quorum of the log's servers.

Keeps three laws. No master is promoted by accident: an operator insists and gives a reason. No
master is promoted beside a quorum that it can see: where the lease can be written, a switchover or
a takeover is safe and this is not. And the new log begins on a server that is in no cluster: its
own write is then the whole quorum, and no older server can join with an older log.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.errors import (
    AlreadyPrimary,
    NoHistory,
    NotForced,
    PromotionUnderWay,
    QuorumThere,
    ServerNotAlone,
)
from shared.domain.ids import Epoch, NodeId

EPOCHS_AHEAD: Final = 1000
"""The other side may begin epochs too; it must not reach this one before both meet."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of *node*, in the order in which it is checked.

    *can_write_lease*: a write to the lease's bucket was answered; *is_alone*: its NATS server is in
    no cluster; *has_history*: its database holds an entry of the log.
    """

    node: NodeId
    is_forced: bool
    reason: str
    is_under_way: bool
    is_primary: bool
    has_history: bool
    can_write_lease: bool
    is_alone: bool


def require_promotable(facts: Facts) -> None:
    """Refuse unless a forced promotion is the only way to go on.

    Raises:
        NotForced: the operator does not insist, or does not say why.
        PromotionUnderWay: another operator's promotion has begun.
        AlreadyPrimary: it has the role.
        NoHistory: its database is empty.
        QuorumThere: the lease can be written, and not by one server alone.
        ServerNotAlone: its NATS server is still one of a cluster.
    """
    node = facts.node
    if not facts.is_forced or not facts.reason.strip():
        raise NotForced(
            "a promotion without a quorum may leave two primaries: it needs --force and a --reason"
        )
    if facts.is_under_way:
        raise PromotionUnderWay(f"another operator is promoting {node} right now")
    if facts.is_primary:
        raise AlreadyPrimary(f"{node} is primary already; nothing was done")
    if not facts.has_history:
        raise NoHistory(f"{node}'s database holds no entry of the log; promote another master")
    if facts.can_write_lease and not facts.is_alone:
        raise QuorumThere(
            "the log's servers have a quorum: use `meridian switchover`, or see `meridian failover "
            "check` why nobody is primary"
        )
    if not facts.is_alone:
        raise ServerNotAlone(
            f"{node}'s NATS server is still one of a cluster; start it alone: without the block "
            "`cluster` in its configuration, with an empty store"
        )


def require_absent(node: NodeId, *, in_log: bool) -> None:
    """Refuse where the server already has the log, as after the first of two promotions.

    Raises:
        QuorumThere: the log there holds the last entry of *node*'s database.
    """
    if in_log:
        raise QuorumThere(
            f"the log on this server holds {node}'s last entry: it goes on there, and needs no "
            "promotion; see `meridian failover check`"
        )


def epoch_after(epoch: Epoch) -> Epoch:
    """Return the promotion's epoch, far beyond what the other side may reach alone."""
    return Epoch(epoch + EPOCHS_AHEAD)
