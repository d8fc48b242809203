"""The holder's side of the lease.

Keeps the law that a holder acts only until `sent_at(last successful renewal) + ttl - margin`: the
time of sending is kept for each record that may still have landed, and whichever proves to be in
the key counts from when that very record was sent. An ended role awaits nothing any more: a record
of it that is found later proves nothing, whether it landed late or somebody put it there again.

Junk in the key ends no role. Nobody takes a lease that is valid, so whatever stands in the key
meanwhile, no other master's record was there since the own last one: the holder goes on upon the
junk's revision as if it were its own, and a compare-and-set that succeeds there proves what one on
the own last revision does. There is one exception, the record that names a successor: after it was
sent, junk may hide it.

While the key cannot be written a role is kept by the promises of the others: the time of *that*
request then counts as the time of a renewal does. It proves no record, and takes nothing from the
record that is found later.
"""

from dataclasses import dataclass

from services.failover_monitor.core.effects import WriteLease
from services.failover_monitor.core.record import LeaseRecord, are_of_one_bucket
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, NodeId


@dataclass(frozen=True, slots=True)
class Holder:
    """One process of a master; a new process is another holder."""

    node: NodeId
    instance: str


class Doubt:
    """Whether a write of this process is under way, or may still land long after it was given up.

    Each names the revision that it replaces. Once the key was seen beyond that, it lands no more:
    an answer that it lost may be that of a repeated message whose first copy landed.
    """

    def __init__(self) -> None:
        self._expected: int | None = None

    def wrote(self, expected: int) -> None:
        self._expected = expected

    def saw(self, revision: int) -> None:
        """The key is, or was, at *revision*."""
        if self._expected is not None and revision > self._expected:
            self._expected = None

    def __bool__(self) -> bool:
        return self._expected is not None


class Base:
    """The revision that the holder's next compare-and-set replaces.

    Since the own last record no other master's was in the key, up to this revision.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.is_junk = False
        """Whether junk stands there, and not the own last record."""
        self._may_be_handed_over = False

    def proved(self, revision: int) -> None:
        """An own record stands at *revision*; where no role is left, it is 0."""
        self.revision, self.is_junk, self._may_be_handed_over = revision, False, False

    def handed_over(self) -> None:
        """The record of a successor was sent upon it, and may land."""
        self._may_be_handed_over = True

    def go_on_upon(self, revision: int, *, is_valid: bool) -> bool:
        """Junk stands at *revision* now; False where it may hide another master's record."""
        is_same_key = are_of_one_bucket(revision, self.revision)
        if not (is_valid and is_same_key) or self._may_be_handed_over:
            return False
        self.revision, self.is_junk = revision, True
        return True


class Lease:
    """What this process has written, and what of it is known to be in the key."""

    def __init__(self, holder: Holder, timing: Timing) -> None:
        self.holder = holder
        self._timing = timing
        self._n = 0
        self._sent: dict[int, Instant] = {}
        self.base = Base()
        self.epoch = Epoch(0)
        self.valid_until = Instant(0.0)
        self.held = False
        self._renewed_at = Instant(0.0)
        self.doubt = Doubt()

    def write(self, epoch: Epoch, expected: int, now: Instant) -> WriteLease:
        """The next record of this process, sent now: a take, or a renewal."""
        self._n += 1
        self._sent[self._n] = now
        self.doubt.wrote(expected)
        return self._call(epoch, self.holder, self._n, expected)

    def expect(self, now: Instant) -> int:
        """The number of a record that another will write for this process, awaited from now on."""
        self._n += 1
        self._sent[self._n] = now
        return self._n

    def transfer(self, epoch: Epoch, successor: Holder, n: int) -> WriteLease:
        """The record that names *successor*, on the own last revision."""
        assert self.held, "only a holder hands over"
        self.doubt.wrote(self.base.revision)
        self.base.handed_over()
        return self._call(epoch, successor, n, self.base.revision)

    def renewal(self, now: Instant) -> WriteLease:
        """A renewal on the last revision without another's record; also after it ran out."""
        assert self.held, "only a holder renews"
        return self.write(self.epoch, self.base.revision, now)

    def is_mine(self, record: LeaseRecord | None) -> bool:
        """Whether this very process wrote *record*."""
        return record is not None and (record.holder, record.instance) == (
            self.holder.node,
            self.holder.instance,
        )

    def awaits(self, record: LeaseRecord) -> bool:
        """Whether *record* was sent in this role, or for it, and is not known to have landed."""
        return self.is_mine(record) and record.n in self._sent

    def proved(self, record: LeaseRecord, revision: int) -> Instant:
        """*record*, awaited until now, is in the key at *revision*; when it was sent."""
        assert self.awaits(record), "another's record proves nothing of ours"
        assert revision > self.base.revision, "what is known proves nothing new"
        assert record.epoch >= self.epoch, "epochs grow with the revision"
        sent_at = self._sent[record.n]
        self.base.proved(revision)
        self.epoch, self.held = record.epoch, True
        self._renewed_at = sent_at
        self.valid_until = max(self.valid_until, self._until(sent_at))
        self._sent = {n: at for n, at in self._sent.items() if n > record.n}
        return sent_at

    def keep(self, asked_at: Instant) -> None:
        """Nobody else acts until then: every other master said so to a request sent *asked_at*."""
        assert self.held, "only a holder keeps its role"
        self.valid_until = max(self.valid_until, self._until(asked_at))

    def is_kept(self, now: Instant) -> bool:
        """Whether nothing but promises lets this process act at *now*."""
        return self.is_valid(now) and now >= self._until(self._renewed_at)

    def end(self, now: Instant) -> None:
        """The role is over, whatever the lease says; in a bucket made anew revisions begin anew."""
        self.held = False
        self.valid_until = min(self.valid_until, now)
        self.base.proved(0)
        self._sent.clear()

    def is_valid(self, now: Instant) -> bool:
        """Whether nobody else can hold it at *now*."""
        return self.held and now < self.valid_until

    def _call(self, epoch: Epoch, holder: Holder, n: int, expected: int) -> WriteLease:
        times = self._timing.ttl_seconds, self._timing.margin_seconds
        record = LeaseRecord(epoch, holder.node, holder.instance, n, *times, replaces=expected)
        return WriteLease(record, expected)

    def _until(self, sent_at: Instant) -> Instant:
        return Instant(sent_at + self._timing.acting_seconds)

    def describe(self) -> str:
        role = f"held until {self.valid_until:.3f}" if self.held else "not held"
        return (
            f"{role}, epoch {self.epoch}, revision {self.base.revision}, {len(self._sent)} awaited"
        )
