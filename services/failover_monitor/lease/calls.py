"""Makes the calls that the core wants: each ends with a fact, whatever goes wrong in it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, assert_never

from services.failover_monitor.core.effects import (
    Call,
    CheckHealth,
    CollectVotes,
    ReadLease,
    WriteLease,
)
from services.failover_monitor.core.facts import (
    Fact,
    HealthChecked,
    LeaseRead,
    LeaseWritten,
    VotesCollected,
    WriteFailure,
)
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.lease.store import LeaseStore
from shared.events.failover import PromiseTerms
from shared.runtime.containment import Containment

Answer = TypeVar("Answer")


class ChecksHealth(Protocol):
    """Checks the health of this master."""

    async def check(self) -> HealthReport: ...


class CollectsVotes(Protocol):
    """Requests promises of the other masters."""

    async def collect(self, terms: PromiseTerms) -> VotesCollected: ...


class Calls:
    """Makes the core's calls to the lease, to this master and to the other masters."""

    def __init__(
        self,
        store: LeaseStore,
        health: ChecksHealth,
        votes: CollectsVotes,
        containment: Containment,
    ) -> None:
        self._store = store
        self._health = health
        self._votes = votes
        self._containment = containment

    async def make(self, call: Call) -> Fact:
        """Make *call*; its answer is the fact that the core awaits."""
        match call:
            case ReadLease():
                return await self._attempt("read the lease", self._read(), _nothing_read)
            case WriteLease():
                return await self._attempt("write the lease", self._write(call), _unknown)
            case CheckHealth():
                return await self._attempt("check this master", self._check(), _unhealthy)
            case CollectVotes(terms):
                collecting, none = self._votes.collect(terms), VotesCollected(terms.number)
                return await self._attempt("collect votes", collecting, lambda _cause: none)
            case _:
                assert_never(call)

    async def _read(self) -> LeaseRead:
        return LeaseRead(await self._store.read())

    async def _write(self, call: WriteLease) -> LeaseWritten:
        return LeaseWritten(await self._store.write(call.record, call.expected))

    async def _check(self) -> HealthChecked:
        return HealthChecked(await self._health.check())

    async def _attempt(
        self, what: str, call: Awaitable[Answer], otherwise: Callable[[str], Answer]
    ) -> Answer:
        """Await *call*; a fault in it is no answer of the one who was called."""
        return await self._containment.attempt("call", what, call, otherwise)


def _nothing_read(_cause: str) -> LeaseRead:
    return LeaseRead(None)


def _unknown(_cause: str) -> LeaseWritten:
    return LeaseWritten(WriteFailure.UNKNOWN)


def _unhealthy(cause: str) -> HealthChecked:
    """Build the report of a check that failed, which shows nothing good of this master."""
    return HealthChecked(HealthReport(failed_checks=(f"its health cannot be checked: {cause}",)))
