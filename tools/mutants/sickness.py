"""The guards of a master that is sick: what proofs show, and how a role is handed over for it."""

from typing import Final

from tools.mutants.mutant import Mutant

FITNESS: Final = "services.failover_monitor.core.fitness"
KEEPING: Final = "services.failover_monitor.core.keeping"
HEALTH: Final = "services.failover_monitor.core.health"
MONITOR: Final = "services.failover_monitor.core.monitor"
READY: Final = "services.failover_monitor.core.ready_masters"
ROLE: Final = "services.failover_monitor.core.role"
GIVING_WAY: Final = "services.failover_monitor.switchover.giving_way"
SUCCESSION: Final = "services.failover_monitor.switchover.role_succession"
IN_THE_WORLD: Final = ("tests/simulation/failover/test_sickness.py",)

SICKNESS: Final = (
    Mutant(
        "a proof counts for ever",
        FITNESS,
        "since = Instant(max(proof.worked_at, granted) + need.lasts_seconds)",
        "since = NEVER",
    ),
    Mutant(
        "an answer proves that config commits",
        FITNESS,
        "since = Instant(max(proof.worked_at, granted) + need.lasts_seconds)",
        "since = Instant(max(proof.answered_at, granted) + need.lasts_seconds)",
    ),
    Mutant(
        "refusals prove nothing",
        FITNESS,
        "if proof.refusals >= refusals:",
        "if False:",
    ),
    Mutant(
        "a single refusal makes a holder unfit",
        FITNESS,
        "self._fault(need, now, refusals=REFUSALS, granted=self._since) for",
        "self._fault(need, now, refusals=1, granted=self._since) for",
    ),
    Mutant(
        "a candidate is believed until the third refusal",
        FITNESS,
        "self._fault(need, now, refusals=1, granted=Instant(0.0)) for",
        "self._fault(need, now, refusals=REFUSALS, granted=Instant(0.0)) for",
    ),
    Mutant(
        "a primary that accepts nothing is well",
        FITNESS,
        "return faults or self._accepts_nothing(now)",
        "return faults",
    ),
    Mutant(
        "config accepts changes in whatever epoch",
        FITNESS,
        "if proof.service == CONFIG and proof.epoch == epoch:",
        "if proof.service == CONFIG and proof.epoch:",
    ),
    Mutant(
        "a new term gets no time",
        FITNESS,
        "        self._since = max(self._since, now)\n        self.excuse(now)\n",
        "        self.excuse(now)\n",
    ),
    Mutant(
        "who accepted nothing asks for the role again at once",
        FITNESS,
        "self._reluctant_until = Instant(now + RELUCTANT_SECONDS)",
        "self._reluctant_until = now",
    ),
    Mutant(
        "whoever was sick is reluctant",
        FITNESS,
        "if faults and all(fault.is_unproven for fault in faults):",
        "if faults:",
    ),
    Mutant(
        "a silent gateway bars nobody",
        HEALTH,
        "return self.failed_checks + self.service_faults + self.vetoes",
        "return self.failed_checks + self.vetoes",
    ),
    Mutant(
        "a config that commits nothing bars nobody from its own lease",
        HEALTH,
        "failed_checks=self.failed_checks + vital,",
        "failed_checks=self.failed_checks,",
    ),
    Mutant(
        "a candidate is not judged by its services",
        MONITOR,
        "report.with_faults(self._fitness.candidate_faults(now))",
        "report",
    ),
    Mutant(
        "a master that became ready a moment ago counts",
        READY,
        "return Instant(readiness.since + self._timing.ttl_seconds)",
        "return readiness.since",
    ),
    Mutant(
        "a master that is not ready any more counts",
        READY,
        "self._ready.pop(node, None)",
        "pass",
    ),
    Mutant(
        "a master that fell silent counts",
        READY,
        "now - readiness.heard_at < 2 * self._timing.ttl_seconds",
        "now >= readiness.heard_at",
    ),
    Mutant(
        "a sick primary renews for ever",
        ROLE,
        "self._lease.renewal(now) if self._keeping.may_renew(now) else None",
        "self._lease.renewal(now)",
    ),
    Mutant(
        "a sick primary stops renewing before it could hand over",
        KEEPING,
        "return now < begun + self._timing.store_timeout_seconds",
        "return now < begun",
    ),
    Mutant(
        "a sick primary stops renewing though nobody is ready",
        KEEPING,
        "        if successor is None:\n            return True\n",
        "        if successor is None:\n            return not faults\n",
    ),
    Mutant(
        "the services get no time when a term goes on after a pause",
        ROLE,
        "if not was_held or sent_at > was_until:",
        "if not was_held:",
    ),
    Mutant(
        "two masters that accept nothing toss the role",
        KEEPING,
        "also_reluctant=accepts_nothing",
        "also_reluctant=True",
        IN_THE_WORLD,
    ),
    Mutant(
        "a primary without a gateway gives its role to one that accepted nothing",
        KEEPING,
        "any(fault.need.is_vital and not fault.is_unproven for fault in faults)",
        "not all(fault.is_unproven for fault in faults)",
    ),
    Mutant(
        "a sick primary does not wait until its grants have run out",
        GIVING_WAY,
        "left = max(0.0, granted_until - self.steps.clock.now())",
        "left = 0.0",
    ),
    Mutant(
        "a successor need not prove that it commits",
        SUCCESSION,
        "await self.proofs.find_config_fault() if request.why",
        'await self.proofs.find_config_fault() if request.why == "never"',
    ),
)
