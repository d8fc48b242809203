"""The effects that the monitor orders. Each effect that calls somebody is answered with a fact."""

from dataclasses import dataclass

from services.failover_monitor.core.record import LeaseRecord
from shared.domain.ids import Epoch, Instant, NodeId
from shared.events.failover import PromiseTerms


@dataclass(frozen=True, slots=True)
class ReadLease:
    """Read the key, and answer with `LeaseRead` in any case."""


@dataclass(frozen=True, slots=True)
class WriteLease:
    """Compare-and-set the key once, and answer with `LeaseWritten` in any case."""

    record: LeaseRecord
    expected: int


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Check the health of this master, and answer with `HealthChecked` in any case."""


@dataclass(frozen=True, slots=True)
class CollectVotes:
    """Request a promise of every master that could take the lease; answer with `VotesCollected`.

    The answer is due in any case, within one renewal interval.
    """

    terms: PromiseTerms


@dataclass(frozen=True, slots=True)
class Grant:
    """The permission for this master's processes to act in *epoch* until *valid_until*.

    A process forgets its grant as soon as it receives one of a larger epoch, even one that has
    expired. While a grant is *paused* the processes do not act, and keep the requests that wait
    for them. *planned* says that the epoch began by a switchover: the other master is healthy and
    stays attached.
    """

    epoch: Epoch
    valid_until: Instant
    paused: bool = False
    planned: bool = False


@dataclass(frozen=True, slots=True)
class RoleAcquired:
    """The beginning of this master's role: it is primary from now on."""

    epoch: Epoch
    previous: NodeId | None
    cause: str


@dataclass(frozen=True, slots=True)
class RoleLost:
    """The end of this master's role, for *cause*."""

    epoch: Epoch
    cause: str


Call = ReadLease | WriteLease | CheckHealth | CollectVotes
Effect = Call | Grant | RoleAcquired | RoleLost
