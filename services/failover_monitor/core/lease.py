"""Keeps the holder's side of the lease.

Keeps the law that a holder acts only until `sent_at(last successful renewal) + ttl - margin`. The
lease keeps the sending time of each record that may still land; a record that proves to be in the
key counts from when that very record was sent. A role that ended awaits no record: one that is
found later proves nothing, whether it landed late or somebody put it there again.

Junk in the key ends no role. Nobody takes a valid lease, so whatever stands in the key meanwhile,
no other master's record was there since the own last one. The holder therefore replaces the junk's
revision as if it were its own, and a compare-and-set that succeeds there proves what one on the own
last revision does. There is one exception: after a record that names a successor was sent, junk may
hide that record.

While the key cannot be written, the promises of the other masters extend a role: the sending time
of *that* request then counts like the sending time of a renewal. It proves no record, and takes
nothing from a record that is found later.

Only `Lease` and its parts write their fields; the other parts of the core read them.
"""

from services.failover_monitor.core.effects import WriteLease
from services.failover_monitor.core.record import Holder, LeaseRecord, are_of_one_bucket
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant


class PendingWrite:
    """A write of this process that is under way, or may still land long after it was given up.

    Each write names the revision that it replaces. Once the key was seen beyond that revision, the
    write cannot land any more. An answer that it lost does not prove this: it may be the answer to
    a repeated message whose first copy landed.
    """

    def __init__(self) -> None:
        self._expected: int | None = None

    def record_sent(self, expected: int) -> None:
        """Note that a write is sent that replaces revision *expected*."""
        self._expected = expected

    def record_revision(self, revision: int) -> None:
        """Note that the key is, or was, at *revision*."""
        if self._expected is not None and revision > self._expected:
            self._expected = None

    def __bool__(self) -> bool:
        return self._expected is not None


class BaseRevision:
    """The revision that the holder's next compare-and-set replaces.

    Since the own last record no other master's was in the key, up to this revision.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.is_junk = False
        """Whether junk stands there, and not the own last record."""
        self._may_be_handed_over = False

    def move_to(self, revision: int) -> None:
        """Replace *revision* next, where an own record stands; 0 when no role is left."""
        self.revision, self.is_junk, self._may_be_handed_over = revision, False, False

    def record_transfer(self) -> None:
        """Note that the record of a successor was sent, and may land."""
        self._may_be_handed_over = True

    def adopt_junk(self, revision: int, *, is_valid: bool) -> bool:
        """Replace the junk at *revision* next; False where it may hide another master's record."""
        is_same_key = are_of_one_bucket(revision, self.revision)
        if not (is_valid and is_same_key) or self._may_be_handed_over:
            return False
        self.revision, self.is_junk = revision, True
        return True


class Lease:
    """The records that this process has written, and those that are known to be in the key."""

    def __init__(self, holder: Holder, timing: Timing) -> None:
        self.holder = holder
        self._timing = timing
        self._n = 0
        self._sent: dict[int, Instant] = {}
        self.base = BaseRevision()
        self.pending_write = PendingWrite()
        self.epoch = Epoch(0)
        self.valid_until = Instant(0.0)
        self.is_held = False
        self._renewed_at = Instant(0.0)

    def write(self, epoch: Epoch, expected: int, now: Instant) -> WriteLease:
        """Build the next record of this process, sent now: it acquires the lease or renews it."""
        self._n += 1
        self._sent[self._n] = now
        self.pending_write.record_sent(expected)
        return self._call(epoch, self.holder, self._n, expected)

    def await_record(self, now: Instant) -> int:
        """Await a record that another master will write for this process; return its number."""
        self._n += 1
        self._sent[self._n] = now
        return self._n

    def transfer(self, epoch: Epoch, successor: Holder, n: int) -> WriteLease:
        """Build the record that names *successor*, on the own last revision."""
        assert self.is_held, "only a holder hands over"
        self.pending_write.record_sent(self.base.revision)
        self.base.record_transfer()
        return self._call(epoch, successor, n, self.base.revision)

    def renewal(self, now: Instant) -> WriteLease:
        """Build a renewal, also after the lease ran out.

        It replaces the last revision up to which no other master's record was in the key.
        """
        assert self.is_held, "only a holder renews"
        return self.write(self.epoch, self.base.revision, now)

    def is_mine(self, record: LeaseRecord | None) -> bool:
        """Say whether this very process wrote *record*."""
        return record is not None and (record.holder, record.instance) == (
            self.holder.node,
            self.holder.instance,
        )

    def awaits(self, record: LeaseRecord) -> bool:
        """Say whether *record* was sent in or for this role, and is not known to have landed."""
        return self.is_mine(record) and record.n in self._sent

    def confirm(self, record: LeaseRecord, revision: int) -> Instant:
        """Confirm that *record*, which is awaited, is at *revision*; return when it was sent.

        Records that were sent before it are awaited no longer.
        """
        assert self.awaits(record), "another's record proves nothing of ours"
        assert revision > self.base.revision, "what is known proves nothing new"
        assert record.epoch >= self.epoch, "epochs grow with the revision"
        sent_at = self._sent[record.n]
        self.base.move_to(revision)
        self.epoch, self.is_held = record.epoch, True
        self._renewed_at = sent_at
        self.valid_until = max(self.valid_until, self._until(sent_at))
        self._sent = {n: at for n, at in self._sent.items() if n > record.n}
        return sent_at

    def extend(self, requested_at: Instant) -> None:
        """Extend the lease: all other masters promised, on a request sent *requested_at*."""
        assert self.is_held, "only a holder extends its role"
        self.valid_until = max(self.valid_until, self._until(requested_at))

    def is_extended(self, now: Instant) -> bool:
        """Say whether only promises let this process act at *now*."""
        return self.is_valid(now) and now >= self._until(self._renewed_at)

    def end(self, now: Instant) -> None:
        """End the role, whatever the lease says.

        The base revision goes too, because a bucket that is made anew counts from another one.
        """
        self.is_held = False
        self.valid_until = min(self.valid_until, now)
        self.base.move_to(0)
        self._sent.clear()

    def is_valid(self, now: Instant) -> bool:
        """Say whether nobody else can hold the lease at *now*."""
        return self.is_held and now < self.valid_until

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        role = f"held until {self.valid_until:.3f}" if self.is_held else "not held"
        return (
            f"{role}, epoch {self.epoch}, revision {self.base.revision}, {len(self._sent)} awaited"
        )

    def _call(self, epoch: Epoch, holder: Holder, n: int, expected: int) -> WriteLease:
        times = self._timing.ttl_seconds, self._timing.margin_seconds
        record = LeaseRecord(epoch, holder.node, holder.instance, n, *times, replaces=expected)
        return WriteLease(record, expected)

    def _until(self, sent_at: Instant) -> Instant:
        return Instant(sent_at + self._timing.acting_seconds)
