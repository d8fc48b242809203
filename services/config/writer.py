"""The primary's pen: one entry at a time, in the order of the log.

It acts under its monitor's grant alone, one tenure an epoch. Answers wait for the backup beside
the next entry's work. After anything that went wrong it acts no more until it has caught up with
the log, and never says "failed" of what may be in it.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from services.config.answers import Answers
from services.config.confirm import Backups
from services.config.replica import Replica
from services.config.tenure import Tenure
from services.config.waiting import Waiters
from shared.clusterlog.log import LogConflict
from shared.domain.errors import MeridianError, NotPrimary, OutcomeUnknown, Unavailable
from shared.domain.ids import Epoch, Instant, Revision
from shared.domain.log import Marker
from shared.events.config import ChangesAccepted, ProposeChanges
from shared.events.failover import MasterGranted
from shared.messaging.middleware import Silent
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment
from shared.runtime.grant import GrantHolder
from shared.runtime.waiting import wait_at_most

AGAIN_SECONDS: Final = 0.05
IDLE_SECONDS: Final = 0.25
EXPECTING_SECONDS: Final = 2.0
"""How long a master that saw another one stop is ready to begin; a switchover takes less."""


@dataclass
class Writer:
    """Writes entries while its master is primary."""

    replica: Replica
    backups: Backups
    grant: GrantHolder
    clock: Clock
    events: Emits
    containment: Containment
    tenure: Tenure | None = None
    answers: Answers = field(init=False)
    _expects_until: Instant = Instant(0.0)
    _reads_ahead: bool = False
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _turn_taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    def __post_init__(self) -> None:
        self.answers = Answers(
            self.replica, self.backups, self._is_granted, self._work.set, self.containment
        )

    @property
    def waiters(self) -> Waiters:
        return self.answers.waiters

    @property
    def is_acting(self) -> bool:
        """Whether changes are accepted here now."""
        return self.tenure is not None and self.tenure.is_valid

    async def propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        """The answer to *proposal*; one that waits already is joined, not repeated.

        Raises:
            Rejected: it breaks a rule, or its request id was used for another change.
            Unavailable: it was not done, or its outcome is unknown; the code says which.
            Silent: this master is not the primary, or not any more.
        """
        if not self._is_granted() and not self.grant.is_paused(self.clock.now()):
            raise Silent
        answer = self.waiters.join(proposal)
        self._work.set()
        return await asyncio.shield(answer)

    async def lay_down(self, grant: MasterGranted) -> Marker:
        """Write nothing from now on, and say where that leaves the log; what waits stays.

        Raises:
            NotPrimary: this master is not writing in that epoch.
        """
        self.grant.offer(grant)
        async with self._turn_taking:
            tenure = self.tenure
            if tenure is None or tenure.epoch != grant.epoch or self._is_granted():
                raise NotPrimary(f"config of {self.replica.node} is not writing, or goes on")
            return self.replica.marker

    def wake(self) -> None:
        """Something came, a grant or a backup's progress: there may be work."""
        self._work.set()

    def expect_role(self) -> None:
        """Another master stopped acting, to hand its role over: this one may be the next."""
        now = self.clock.now()
        if now >= self._expects_until:
            self._reads_ahead = True
            self._work.set()
        self._expects_until = Instant(now + EXPECTING_SECONDS)

    def followed(self, revision: Revision) -> None:
        """This master's own follower is at *revision*: who expects the role reads that at once."""
        if self.clock.now() < self._expects_until and revision > self.replica.marker.revision:
            self._reads_ahead = True
            self._work.set()

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            await wait_at_most(self._work, IDLE_SECONDS)
            self._work.clear()
            if not await self._did_turn():
                self._work.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _did_turn(self) -> bool:
        has_begun = self.tenure is not None
        try:
            async with self._turn_taking:
                await self._turn()
        except NotPrimary as error:
            if self.grant.is_paused(self.clock.now()):
                return True  # nothing was written; the role may go on
            self._step_back(error.message)
        except (LogConflict, OutcomeUnknown) as error:
            self._step_back(error.message)
        except MeridianError as error:
            self._step_back(error.message)
            self._refuse_open(error, is_late=not has_begun)
        else:
            return True
        return False

    async def _turn(self) -> None:
        """Do what there is to do: begin an epoch, write what waits, mind the backup."""
        now = self.clock.now()
        epoch = self.grant.valid_epoch(now)
        if epoch is None and self.grant.is_paused(now):
            return
        if epoch is None:
            self._step_back("the right to act as primary ended")
            self.waiters.refuse(self.waiters.open(), Silent())
            self.answers.give_up()
            await self._read_ahead()
            return
        tenure = await self._tenure_of(epoch)
        while self.waiters.open() and tenure.is_valid:
            await tenure.write()
        if tenure.is_valid:
            await tenure.mind_backup()

    async def _read_ahead(self) -> None:
        """Stand ready for the role, if it may come; who cannot is no worse than who did not."""
        if not self._reads_ahead:
            return
        self._reads_ahead = False
        try:
            await self.replica.stand_ready()
        except Unavailable as error:
            self._log.debug("not ready for the role: %s", error.message)

    async def _tenure_of(self, epoch: Epoch) -> Tenure:
        """The tenure of *epoch*, begun; there is none while it begins."""
        if self.tenure is None or self.tenure.epoch != epoch:
            self.tenure = None
            beginning = Tenure(
                epoch, self.replica, self.answers, self.grant, self.clock, self.events
            )
            await beginning.begin()
            self.tenure, self._expects_until = beginning, Instant(0.0)
            self._log.info("accepting changes as primary of epoch %d", epoch)
        return self.tenure

    def _is_granted(self) -> bool:
        return self.grant.valid_epoch(self.clock.now()) is not None

    def _step_back(self, why: str) -> None:
        """Act no more until the epoch is begun anew."""
        if self.tenure is not None:
            self._log.warning("not accepting changes: %s", why)
        self.tenure = None

    def _refuse_open(self, error: MeridianError, *, is_late: bool) -> None:
        """Tell those whose change is surely not in the log; *is_late* also the others."""
        untried = [each for each in self.waiters.open() if not each.tries]
        self.waiters.refuse(untried, error)
        if is_late and isinstance(error, Unavailable):
            self.answers.refuse_unknown(self.waiters.open(), error.message)
