"""The holder's side of the lease.

Keeps the law that a holder acts only until `sent_at(last successful renewal) + ttl - margin`: the
time of sending is kept for each record that may still have landed, and whichever proves to be in
the key counts from when that very record was sent. An ended role awaits nothing any more: a record
of it that is found later proves nothing, whether it landed late or somebody put it there again.
"""

from dataclasses import dataclass

from services.failover_monitor.core.effects import WriteLease
from services.failover_monitor.core.record import LeaseRecord
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, NodeId


@dataclass(frozen=True, slots=True)
class Holder:
    """One process of a master; a new process is another holder."""

    node: NodeId
    instance: str


class Lease:
    """What this process has written, and what of it is known to be in the key."""

    def __init__(self, holder: Holder, timing: Timing) -> None:
        self.holder = holder
        self._timing = timing
        self._n = 0
        self._sent: dict[int, Instant] = {}
        self.revision = 0
        self.epoch = Epoch(0)
        self.valid_until = Instant(0.0)
        self.held = False

    def write(self, epoch: Epoch, expected: int, now: Instant) -> WriteLease:
        """The next record of this process, sent now: a take, or a renewal."""
        self._n += 1
        self._sent[self._n] = now
        times = self._timing.ttl_seconds, self._timing.margin_seconds
        record = LeaseRecord(epoch, self.holder.node, self.holder.instance, self._n, *times)
        return WriteLease(record, expected)

    def expect(self, now: Instant) -> int:
        """The number of a record that another will write for this process, awaited from now on."""
        self._n += 1
        self._sent[self._n] = now
        return self._n

    def transfer(self, epoch: Epoch, successor: Holder, n: int) -> WriteLease:
        """The record that names *successor*, on the own last revision."""
        assert self.held, "only a holder hands over"
        times = self._timing.ttl_seconds, self._timing.margin_seconds
        record = LeaseRecord(epoch, successor.node, successor.instance, n, *times)
        return WriteLease(record, self.revision)

    def renewal(self, now: Instant) -> WriteLease:
        """A renewal on the own last revision; also after the lease ran out."""
        assert self.held, "only a holder renews"
        return self.write(self.epoch, self.revision, now)

    def is_mine(self, record: LeaseRecord | None) -> bool:
        """Whether this very process wrote *record*."""
        return record is not None and (record.holder, record.instance) == (
            self.holder.node,
            self.holder.instance,
        )

    def awaits(self, record: LeaseRecord) -> bool:
        """Whether *record* was sent in this role, or for it, and is not known to have landed."""
        return self.is_mine(record) and record.n in self._sent

    def proved(self, record: LeaseRecord, revision: int) -> None:
        """*record*, awaited until now, is in the key at *revision*."""
        assert self.awaits(record), "another's record proves nothing of ours"
        assert revision > self.revision, "what is known proves nothing new"
        assert record.epoch >= self.epoch, "epochs grow with the revision"
        sent_at = self._sent[record.n]
        self.revision, self.epoch, self.held = revision, record.epoch, True
        self.valid_until = Instant(sent_at + self._timing.acting_seconds)
        self._sent = {n: at for n, at in self._sent.items() if n > record.n}

    def end(self, now: Instant) -> None:
        """The role is over, whatever the lease says; in a bucket made anew revisions begin anew."""
        self.held = False
        self.valid_until = min(self.valid_until, now)
        self.revision, self._sent = 0, {}

    def is_valid(self, now: Instant) -> bool:
        """Whether nobody else can hold it at *now*."""
        return self.held and now < self.valid_until

    def describe(self) -> str:
        role = f"held until {self.valid_until:.3f}" if self.held else "not held"
        return f"{role}, epoch {self.epoch}, revision {self.revision}, {len(self._sent)} awaited"
