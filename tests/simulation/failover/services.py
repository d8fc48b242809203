"""The services of a simulated master, and how they can be sick while its machine lives.

A dead or deaf service answers nothing. Config may be refused by its database, wait for a lock or a
slow disk, or commit and still accept nothing. The database shows its sickness by what it does to
real writes: `Services` decides nothing about what follows from it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION, Proof
from shared.domain.ids import Epoch, Instant

PROBE_SECONDS: Final = 0.75
"""How old config's last commit may be when it is asked, while its database works."""

TRY_SECONDS: Final = 0.5
"""How often config tries again what was refused."""


class Sickness(StrEnum):
    """What is wrong with a service."""

    DEAD = "dead"
    """It answers nothing: it has ended, is stopped, or does not hear."""

    REFUSED = "refused"
    """Its database refuses every write, and answers at once."""

    LOCKED = "locked"
    """Its writes wait for somebody's lock."""

    IDLE = "idle"
    """It commits, and accepts no changes."""


@dataclass
class Services:
    """The services of one master; what is *sick* is so since a moment of its clock."""

    random: Random
    sick: dict[str, tuple[Sickness, Instant]] = field(
        default_factory=dict[str, tuple[Sickness, Instant]]
    )
    write_seconds: float = 0.0
    """How long its disk takes for a write."""

    accepts_epoch: Epoch = Epoch(0)
    last: dict[str, Proof] = field(default_factory=dict[str, Proof])

    def fall_sick(self, service: str, sickness: Sickness, now: Instant) -> None:
        self.sick.setdefault(service, (sickness, now))

    def heal(self, service: str) -> None:
        self.sick.pop(service, None)

    def heal_all(self) -> None:
        self.sick.clear()
        self.write_seconds = 0.0

    @property
    def commits(self) -> bool:
        """Whether config's writes succeed."""
        found = self.sick.get(CONFIG)
        return found is None or found[0] is Sickness.IDLE

    @property
    def accepts(self) -> bool:
        """Whether config, as the primary's, would accept a change."""
        return CONFIG not in self.sick

    @property
    def confirms_pauses(self) -> bool:
        """Whether config answers that it writes nothing more."""
        found = self.sick.get(CONFIG)
        return found is None or found[0] in {Sickness.REFUSED, Sickness.IDLE}

    @property
    def are_well(self) -> bool:
        return not self.sick and not self.write_seconds

    def proofs(self, now: Instant) -> tuple[Proof, ...]:
        """What the monitor has of each service at *now*: the last answer of a dead one stays."""
        for service in (CONFIG, REPLICATION, GATEWAY):
            proof = self._proof(service, now)
            if proof is not None:
                self.last[service] = proof
        return tuple(proof for _, proof in sorted(self.last.items()))

    def fresh_fault(self) -> bool:
        """Whether a commit that is asked for now would fail, or come too late."""
        return not self.commits or self.write_seconds > 0.7

    def _proof(self, service: str, now: Instant) -> Proof | None:
        sickness, since = self.sick.get(service, (None, now))
        if sickness is Sickness.DEAD:
            return None
        age = self.write_seconds + self.random.uniform(0, PROBE_SECONDS)
        worked_at = Instant(now - age if service == CONFIG else now)
        if sickness in {Sickness.REFUSED, Sickness.LOCKED}:
            worked_at = min(worked_at, since)
        refusals = int((now - since) / TRY_SECONDS) if sickness is Sickness.REFUSED else 0
        epoch = self.accepts_epoch if service == CONFIG and self.accepts else Epoch(0)
        cause = "" if sickness is None else sickness.value
        return Proof(service, now, worked_at, refusals, cause, epoch)
