"""The facts that the monitor learns: the answers to its calls, and the reports of other masters."""

from dataclasses import dataclass
from enum import StrEnum

from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.record import KeyState
from shared.domain.ids import Epoch, NodeId
from shared.events.failover import PromiseVote


class WriteFailure(StrEnum):
    """The reason why a compare-and-set brought no new revision.

    `REFUSED` is the server's answer that the comparison failed. `UNKNOWN` is everything else: the
    write may have landed, or may still land.
    """

    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LeaseRead:
    """The end of a read of the key; *key* is None when the read failed."""

    key: KeyState | None


@dataclass(frozen=True, slots=True)
class LeaseWritten:
    """The end of a compare-and-set, with a new revision or without one that we know of."""

    outcome: int | WriteFailure


@dataclass(frozen=True, slots=True)
class HealthChecked:
    """The end of this master's health check."""

    report: HealthReport


@dataclass(frozen=True, slots=True)
class VotesCollected:
    """The votes to request *number* for promises.

    *masters* are all others that could take the lease, as the own database at *epoch* and the
    pinned keys name them; None when they could not be read. Each vote is signed with its master's
    own key; a vote that is not signed so is left out.
    """

    number: int
    masters: frozenset[NodeId] | None = None
    epoch: Epoch = Epoch(0)
    votes: tuple[PromiseVote, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerHeartbeat:
    """The arrival of another master's heartbeat. It is no evidence of who is primary.

    *is_reluctant* says that it accepted no changes when it last was primary itself.
    """

    node: NodeId
    could_take_over: bool
    is_reluctant: bool = False


@dataclass(frozen=True, slots=True)
class SuccessorNamed:
    """The holder's report that it named this master in the lease; only a read proves it."""


Fact = LeaseRead | LeaseWritten | HealthChecked | VotesCollected | PeerHeartbeat | SuccessorNamed
