"""What the monitor wants done, and what came of its writes."""

from dataclasses import dataclass
from enum import StrEnum

from services.failover_monitor.core.promise import PromiseAsked
from services.failover_monitor.core.record import LeaseRecord
from shared.domain.ids import Epoch, Instant, NodeId


@dataclass(frozen=True, slots=True)
class ReadLease:
    """Read the key, and answer `lease_read` in any case."""


@dataclass(frozen=True, slots=True)
class WriteLease:
    """Compare-and-set the key, once, and answer `lease_written` in any case."""

    record: LeaseRecord
    expected: int


@dataclass(frozen=True, slots=True)
class Check:
    """Look at this master, and answer `checked` in any case."""


@dataclass(frozen=True, slots=True)
class Grant:
    """This master's processes may act in *epoch* until *valid_until*.

    Whoever holds a grant forgets it for one of a larger epoch, also when that is over already.
    While it is *paused* they do not act, and keep what waits for them. *planned* says that the
    epoch began by a switchover: the other master is well and stays attached.
    """

    epoch: Epoch
    valid_until: Instant
    paused: bool = False
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Took:
    """This master is primary from now on."""

    epoch: Epoch
    previous: NodeId | None
    cause: str


@dataclass(frozen=True, slots=True)
class Lost:
    """This master's role ended, for *cause*."""

    epoch: Epoch
    cause: str


@dataclass(frozen=True, slots=True)
class AskPromises:
    """Find out who could take the lease, ask them, and answer `answered` in any case.

    It takes no longer than a renewal interval.
    """

    asked: PromiseAsked


Effect = ReadLease | WriteLease | Check | Grant | Took | Lost | AskPromises


class Refusal(StrEnum):
    """How a compare-and-set ended without a new revision.

    `REFUSED` is the server's word that it lost; anything else that is no success is `UNKNOWN`.
    """

    REFUSED = "refused"
    UNKNOWN = "unknown"
