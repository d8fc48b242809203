"""Shows that this master's database commits, also while nobody changes anything.

A monitor lets a master be primary only while its config proves that it can write. On a busy site
the appends prove it. When the last commit is older than half the lease's time to live, config
writes a probe, on the primary and on the backup alike: a site that relies on a backup must know
that it could write. It also asks the log's servers for the last message on the very connection that
appends use.

What is proven, then: this process runs its loop, its database takes a write that needs a new page
and a flush of the WAL, nobody holds a lock that an append would wait for, and a NATS server answers
on its connection to the log. That the log has a leader is not proven: it is the same for every
master. A database that belongs to no cluster is not written to; that is the cause then.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.config.write.replica import Replica
from services.config.write.writer import Writer
from shared.domain.backoff import Backoff
from shared.domain.errors import LogUnavailable, StoreUnavailable
from shared.domain.ids import Epoch, Instant
from shared.domain.log import LogPosition
from shared.domain.outage import Outage
from shared.domain.timing import LeaseTiming
from shared.events.proof import ProveConfig, ServiceProof

LINK_SECONDS: Final = 1.0
"""The time limit for an answer of the log's servers."""

LONGEST_PAUSE_SECONDS: Final = 1.0
SHORTEST_PAUSE_SECONDS: Final = 0.05

_LOG: Final = logging.getLogger("meridian.config")


class ProbedStore(Protocol):
    """This master's database, as a probe needs it."""

    async def position(self) -> LogPosition | None: ...


class Probe(Protocol):
    """The probe of this master's database."""

    async def probe_commit(self) -> None: ...


class Link(Protocol):
    """This process's own connection to the log."""

    async def check_link(self, seconds: float) -> None: ...


@dataclass
class Prover:
    """Probes this master's database and its connection to the log, and answers its monitor."""

    writer: Writer
    state: ProbedStore
    probe: Probe
    link: Link
    timing: LeaseTiming
    _belongs: bool = False
    _outage: Outage = field(default_factory=Outage)

    @property
    def replica(self) -> Replica:
        return self.writer.replica

    @property
    def probe_seconds(self) -> float:
        """Return how old the last commit may grow before a probe; two fit into a time to live."""
        return self.timing.ttl_seconds / 2

    @property
    def attempt_seconds(self) -> float:
        """Return the time limit of a probe; one that took longer would prove nothing any more."""
        return 2 * self.timing.ttl_seconds

    async def on_prove(self, question: ProveConfig) -> ServiceProof:
        """Answer with what was shown last; with a commit of this moment where that is asked for."""
        if question.fresh:
            await asyncio.gather(self._commit_probe(), self._prove_link())
        epoch = self.writer.accepted_epoch or Epoch(0)
        return self.replica.commits.prove(self.replica.node, epoch, self._now())

    async def run(self) -> None:
        """Probe whenever it is due, until cancelled."""
        retries = Backoff(self.timing.renew_seconds, LONGEST_PAUSE_SECONDS)
        failures = 0
        while True:
            proven = await asyncio.gather(self._prove_commit(), self._prove_link())
            failures = 0 if all(proven) else failures + 1
            pause = retries.pause_seconds(failures) if failures else self._until_due_seconds()
            await asyncio.sleep(max(pause, SHORTEST_PAUSE_SECONDS))

    async def _prove_commit(self) -> bool:
        """Probe the database if the last commit is too old; say whether it is well."""
        return True if self._until_due_seconds() > 0 else await self._commit_probe()

    async def _commit_probe(self) -> bool:
        """Let the database commit a probe, or note why it does not."""
        try:
            async with asyncio.timeout(self.attempt_seconds):
                await self._probe()
        except TimeoutError:
            limit = f"the database did not commit within {self.attempt_seconds:g} s"
            self._record_failure(StoreUnavailable(limit))
        except StoreUnavailable as error:
            self._record_failure(error)
        else:
            self.replica.commits.record_probe(self._now())
            if self._outage.end():
                _LOG.info("the database commits again")
            return True
        return False

    async def _probe(self) -> None:
        if not self._belongs:
            self._belongs = await self.state.position() is not None
        if not self._belongs:
            raise StoreUnavailable("this database belongs to no cluster: init or join it first")
        await self.probe.probe_commit()

    async def _prove_link(self) -> bool:
        try:
            await self.link.check_link(LINK_SECONDS)
        except LogUnavailable as error:
            self.replica.commits.record_lost_link(error.message)
            return False
        self.replica.commits.record_link(self._now())
        return True

    def _record_failure(self, error: StoreUnavailable) -> None:
        self._belongs = False  # it may be another database, once it answers
        self.replica.commits.record_failed_probe(error)
        if self._outage.is_worth_a_line(error.message):
            _LOG.warning("this master proves no commit: %s", error.message)

    def _until_due_seconds(self) -> float:
        return self.replica.commits.committed_at + self.probe_seconds - self._now()

    def _now(self) -> Instant:
        return self.replica.permission.clock.now()
