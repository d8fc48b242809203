"""The primary's side of the failsafe promise.

While the bucket gives no answer, as in an election among its servers, the primary keeps its role
until `sent_at(request) + ttl - margin` on the promise of every other master. Keeps the law that a
role is only ever *kept*: whose lease has run out goes on by a compare-and-set alone, for another
process of a master may have acted in between and be gone again with all that it knew.

Who has to promise is read after the request was decided, from a database that has the beginning of
this very epoch: whoever became a master later waits from its own start, and so after this role.
"""

from typing import Final

from services.failover_monitor.core.effects import AskPromises, Effect, Refusal
from services.failover_monitor.core.handover import NEVER
from services.failover_monitor.core.promise import Answers, PromiseAsked
from services.failover_monitor.core.role import Role
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant

NOTHING: Final[tuple[Effect, ...]] = ()


class Asker:
    """Whether the bucket is silent, and what was asked last."""

    def __init__(self, role: Role, timing: Timing) -> None:
        self._role = role
        self._timing = timing
        self._is_silent = False
        self._asked: PromiseAsked | None = None
        self._asked_at = Instant(0.0)
        self._count = 0

    def write_ended(self, outcome: int | Refusal) -> None:
        """A compare-and-set ended; one that lost is an answer like one that won."""
        self._is_silent = outcome is Refusal.UNKNOWN

    def ask_at(self) -> Instant:
        """When to ask: as long before the role's end as three attempts take, and then again."""
        if not self._is_silent or self._asked is not None or not self._role.has_begun:
            return NEVER
        again = self._asked_at + self._timing.renew_seconds
        urgent = self._role.lease.valid_until - self._timing.asking_seconds
        return Instant(max(again, urgent))

    def ask(self, now: Instant) -> tuple[Effect, ...]:
        """Ask every other master; not for a role that is over, or on its way to another."""
        self._asked_at = now
        if not (self._role.is_acting(now) and self._role.may_renew(now)):
            return NOTHING
        self._count += 1
        lease, timing = self._role.lease, self._timing
        who = lease.holder.node, lease.holder.instance
        times = timing.ttl_seconds, timing.margin_seconds
        self._asked = PromiseAsked(self._count, lease.epoch, *who, *times)
        return (AskPromises(self._asked),)

    def answered(self, answers: Answers, now: Instant) -> tuple[Effect, ...]:
        """The asking ended; answers to another request are none."""
        asked = self._asked
        if asked is None or answers.number != asked.number:
            return NOTHING
        self._asked, effects = None, NOTHING
        said = [each for each in answers.promises if each.asked == asked]
        for each in said:
            effects += self._role.learn(each.largest, now)
        given = {each.node for each in said if not each.refusal}
        if not self._counts(asked, answers) or not given >= (answers.masters or frozenset()):
            return effects
        return effects + self._role.keep(self._asked_at, now)

    def _counts(self, asked: PromiseAsked, answers: Answers) -> bool:
        """Whether the bucket is still silent, and it is known who had to be asked."""
        known = answers.masters is not None and answers.epoch == asked.epoch
        return known and self._is_silent and self._role.lease.epoch == asked.epoch
