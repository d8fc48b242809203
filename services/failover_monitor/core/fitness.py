"""Judges whether this master's services do what its role needs, by the proofs that they give.

`needs` is the one table of it: what each service has to show, and for how long that counts. A
candidate without these proofs takes no role, a holder without them hands its role over; the check
of an operator, the status, `/readyz` and the events say the same, because all of them ask here.

A single refusal bars a candidate. A holder is believed to be well until the third, because a move
of the role costs more than a change that is tried again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.failover_monitor.core.timing import NEVER, Timing
from shared.domain.ids import Epoch, Instant

CONFIG: Final = "config"
REPLICATION: Final = "replication"
GATEWAY: Final = "gateway"

SERVICE_SECONDS: Final = 10.0
"""How long replication and the gateway may be silent, unless the store time-out is longer.

A supervisor has started a service that ended again by then.
"""

RELUCTANT_SECONDS: Final = 300.0
"""How long a master that accepted nothing as primary does not ask for the role again.

What kept it from accepting may show in no proof, and then two such masters would toss the role.
"""

REFUSALS: Final = 3
"""So many refused commits in a row count as a store time-out at once."""


@dataclass(frozen=True, slots=True)
class Need:
    """A service that the role needs, and what is wrong when it does not show that it works.

    Its last proof counts for *lasts_seconds*. Without a *vital* service nothing is accepted, so it
    bars this master from the lease altogether; another one only from replacing a master.
    """

    service: str
    fault: str
    lasts_seconds: float
    is_vital: bool = False


def needs(timing: Timing) -> tuple[Need, ...]:
    """Return what the role needs of this master's services."""
    patience = max(SERVICE_SECONDS, timing.store_timeout_seconds)
    return (
        Need(CONFIG, "commits nothing", timing.store_timeout_seconds, is_vital=True),
        Need(REPLICATION, "does not follow the log", patience),
        Need(GATEWAY, "serves nobody", patience),
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """What *service* answered at *answered_at*: it last worked at *worked_at*.

    Its database has refused it *refusals* times in a row; *cause* is the last refusal, or what else
    is wrong. *epoch* is the one in which it accepts changes. The times are of this kernel's clock.
    """

    service: str
    answered_at: Instant
    worked_at: Instant
    refusals: int = 0
    cause: str = ""
    epoch: Epoch = Epoch(0)


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """What is wrong with a service that the role needs, in a sentence, and since when."""

    need: Need
    text: str
    since: Instant
    is_unproven: bool = False
    """Whether no proof shows it: it may be the same with every other master."""


class Fitness:
    """The last proof of each service, and what follows from it."""

    def __init__(self, timing: Timing) -> None:
        self._needs: Final = needs(timing)
        self._accept_seconds: Final = timing.store_timeout_seconds
        self._proofs: dict[str, Proof] = {}
        self._refused_since: dict[str, Instant] = {}
        self._since = Instant(0.0)
        self._accepted_at = Instant(0.0)
        self._reluctant_until = Instant(0.0)

    def restart(self, now: Instant) -> None:
        """Give each service its time anew: a term begins, or goes on after a pause."""
        self._since = max(self._since, now)
        self.excuse(now)

    def excuse(self, now: Instant) -> None:
        """Expect no change to be accepted before *now*: config was told to wait."""
        self._accepted_at = max(self._accepted_at, now)

    def record(self, proofs: Iterable[Proof], epoch: Epoch | None, now: Instant) -> None:
        """Learn the last proof of each service; *epoch* is that of a holder's lease."""
        for proof in proofs:
            self._proofs[proof.service] = proof
            if proof.refusals < REFUSALS:
                self._refused_since.pop(proof.service, None)
            else:
                self._refused_since.setdefault(proof.service, now)
            if proof.service == CONFIG and proof.epoch == epoch:
                self._accepted_at = max(self._accepted_at, proof.answered_at)
                self._reluctant_until = Instant(0.0)

    def candidate_faults(self, now: Instant) -> tuple[ServiceFault, ...]:
        """Return what bars this master from a role that it does not have."""
        found = (self._fault(need, now, refusals=1, granted=Instant(0.0)) for need in self._needs)
        return tuple(fault for fault in found if fault is not None)

    def holder_faults(self, now: Instant) -> tuple[ServiceFault, ...]:
        """Return why this master should not keep the role that it has."""
        found = (
            self._fault(need, now, refusals=REFUSALS, granted=self._since) for need in self._needs
        )
        faults = tuple(fault for fault in found if fault is not None)
        return faults or self._accepts_nothing(now)

    def end_role(self, now: Instant) -> None:
        """Note that this master stops acting, and whether it accepted nothing meanwhile."""
        faults = self.holder_faults(now)
        if faults and all(fault.is_unproven for fault in faults):
            self._reluctant_until = Instant(now + RELUCTANT_SECONDS)

    def is_reluctant(self, now: Instant) -> bool:
        """Say whether this master should not get the role of one that merely accepts nothing.

        It still takes a role that nobody has, or that a master hands over which is known to be ill.
        """
        return now < self._reluctant_until

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        worked = (
            f"{each.service} worked at {each.worked_at:.3f}, refused {each.refusals} times"
            for each in self._proofs.values()
        )
        return "; ".join(worked) or "no service has answered"

    def _fault(
        self, need: Need, now: Instant, *, refusals: int, granted: Instant
    ) -> ServiceFault | None:
        """Judge one service, which has time from *granted* on; None when it is well."""
        proof = self._proofs.get(need.service)
        if proof is None:
            since = Instant(granted + need.lasts_seconds) if granted else Instant(0.0)
            text = f"its {need.service} has not shown yet that it works"
            return ServiceFault(need, text, since) if now >= since else None
        text = f"its {need.service} {need.fault}{f': {proof.cause}' if proof.cause else ''}"
        if proof.refusals >= refusals:
            return ServiceFault(need, text, self._refused_since.get(need.service, now))
        since = Instant(max(proof.worked_at, granted) + need.lasts_seconds)
        if now < since:
            return None
        is_silent = now - max(proof.answered_at, granted) >= need.lasts_seconds
        silence = f"its {need.service} does not answer"
        return ServiceFault(need, silence if is_silent else text, since)

    def _accepts_nothing(self, now: Instant) -> tuple[ServiceFault, ...]:
        """Judge a config that commits and still does not act as the primary's."""
        since = Instant(self._accepted_at + self._accept_seconds)
        if now < since:
            return ()
        need, proof = self._needs[0], self._proofs.get(CONFIG)
        cause = "" if proof is None else proof.cause
        text = f"its config accepts no changes{f': {cause}' if cause else ''}"
        return (ServiceFault(need, text, since, is_unproven=True),)


def first_since(faults: Iterable[ServiceFault]) -> Instant:
    """Return since when the first of *faults* lasts; never, without one."""
    return min((fault.since for fault in faults), default=NEVER)
