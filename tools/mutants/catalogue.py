"""Every guard, how it is broken, and which tests must notice."""

from typing import Final

from tools.mutants.api import API
from tools.mutants.clocks import CLOCKS
from tools.mutants.copies import COPIES
from tools.mutants.gateway import GATEWAY
from tools.mutants.generations import GENERATIONS
from tools.mutants.junk import JUNK
from tools.mutants.log import LOG
from tools.mutants.mutant import Mutant
from tools.mutants.probing import PROBING
from tools.mutants.promise import PROMISE
from tools.mutants.redirection import REDIRECTION
from tools.mutants.replies import REPLIES
from tools.mutants.selection import SELECTION
from tools.mutants.sickness import SICKNESS
from tools.mutants.survival import NEXT_FAILURES
from tools.mutants.writing import WRITING

MONITOR: Final = "services.failover_monitor.core.monitor"
LEASE: Final = "services.failover_monitor.core.lease"
OBSERVER: Final = "services.failover_monitor.core.observer"
KEY_CALLS: Final = "services.failover_monitor.core.key_calls"
TIMING: Final = "services.failover_monitor.core.timing"
LEADERS: Final = "services.failover_monitor.core.leaders"
HANDOVER: Final = "services.failover_monitor.core.handover"
RECORD: Final = "services.failover_monitor.core.record"
ROLE: Final = "services.failover_monitor.core.role"
GRANT: Final = "shared.runtime.grant"

MUTANTS: Final = (
    *API,
    *CLOCKS,
    *COPIES,
    *GATEWAY,
    *GENERATIONS,
    *JUNK,
    *LOG,
    *NEXT_FAILURES,
    *PROBING,
    *PROMISE,
    *SICKNESS,
    *REDIRECTION,
    *REPLIES,
    *WRITING,
    *SELECTION,
    Mutant(
        "a holder acts without margin",
        LEASE,
        "sent_at + self._timing.acting_seconds",
        "sent_at + self._timing.ttl_seconds",
    ),
    Mutant(
        "a lease counts from the last renewal sent",
        LEASE,
        "sent_at = self._sent[record.n]",
        "sent_at = max(self._sent.values())",
    ),
    Mutant(
        "an ended role goes on until its lease runs out",
        LEASE,
        "self.valid_until = min(self.valid_until, now)",
        "pass",
    ),
    Mutant(
        "an ended role is still held",
        LEASE,
        "        self.is_held = False\n        self.v",
        "        self.v",
    ),
    Mutant("an ended role awaits what it sent", LEASE, "self._sent.clear()", "pass"),
    Mutant("an ended role knows a revision", LEASE, "self.base.move_to(0)", "pass"),
    Mutant(
        "a restarted process takes its predecessor's record for its own",
        LEASE,
        "(record.holder, record.instance) == (\n            self.holder.node,\n"
        "            self.holder.instance,\n        )",
        "record.holder == self.holder.node",
    ),
    Mutant("any own record is awaited", LEASE, " and record.n in self._sent", ""),
    Mutant(
        "acting does not end with the lease",
        LEASE,
        "self.is_held and now < self.valid_until",
        "self.is_held",
    ),
    Mutant(
        "an own record of a smaller epoch counts",
        ROLE,
        "if record.epoch < self._largest:",
        "if False:",
    ),
    Mutant(
        "an old revision proves something",
        ROLE,
        "if key.revision <= self._lease.base.revision:",
        "if False:",
    ),
    Mutant(
        "a larger epoch does not end the role",
        ROLE,
        "if self._lease.is_held and self._lease.epoch < self._largest:",
        "if False:",
    ),
    Mutant(
        "another's record does not end the role",
        ROLE,
        "if not self._lease.is_mine(record):",
        "if not self._lease.is_mine(record):\n            return NOTHING\n        if False:",
    ),
    Mutant(
        "the epoch in the key is not learned",
        ROLE,
        "self._largest = max(self._largest, record.epoch)",
        "pass",
    ),
    Mutant(
        "the epoch in the log is not learned",
        ROLE,
        "        self._largest = max(self._largest, epoch)\n",
        "",
    ),
    Mutant(
        "the epoch does not grow",
        ROLE,
        "self._lease.write(Epoch(self._largest + 1),",
        "self._lease.write(Epoch(max(1, self._largest)),",
    ),
    Mutant(
        "the health check before a takeover may be old",
        MONITOR,
        "if self._checked_at < self._observer.check_from:",
        "if False:",
    ),
    Mutant(
        "no health check is begun in time",
        OBSERVER,
        "return self._check_from if last < self._check_from < regular else regular",
        "return regular",
    ),
    Mutant(
        "the lease is not read the moment it is due",
        MONITOR,
        "due_at = self._observer.due_after(self._calls.called_at)",
        "due_at = NEVER",
    ),
    Mutant(
        "a health check counts while the holder acts",
        OBSERVER,
        "margin if record is None else min(margin, record.margin)",
        "margin",
    ),
    Mutant(
        "an unfit master takes over",
        MONITOR,
        "return NOTHING if self._observer.obstacles(self._health) else self._acquire(now)",
        "return self._acquire(now)",
    ),
    Mutant("the lease is taken early", MONITOR, " and self._observer.is_due(now)", ""),
    Mutant("a holder takes again", MONITOR, "not self._lease.is_held and self._o", "self._o"),
    Mutant(
        "a renewal goes on after an unknown outcome",
        KEY_CALLS,
        "            self._must_read = True\n",
        "",
    ),
    Mutant(
        "a renewal does not wait for the read",
        MONITOR,
        "write = None if self._calls.must_read else self._role",
        "write = self._role",
    ),
    Mutant(
        "a larger epoch withdraws no grant",
        ROLE,
        "return (lost, Grant(self._largest, now)) if self._largest > lost.epoch else (lost,)",
        "return (lost,)",
    ),
    Mutant(
        "a primary says that it could take over",
        MONITOR,
        "not self._lease.is_held and not reasons",
        "not reasons",
    ),
    Mutant("blind time is silence", OBSERVER, "self.is_blind(now) or ", ""),
    Mutant(
        "a blind observer is due",
        OBSERVER,
        "now >= self._due_at and not self.is_blind(now)",
        "now >= self._due_at",
    ),
    Mutant(
        "the holder's own patience is not respected",
        OBSERVER,
        "max(wait, record.ttl + record.margin)",
        "wait",
    ),
    Mutant("nobody has a head start", OBSERVER, "wait + self._head_start if", "wait if"),
    Mutant(
        "what the operator vetoes is done",
        OBSERVER,
        "report.failed_checks if is_own else report.obstacles",
        "report.failed_checks",
    ),
    Mutant(
        "a master may not take back what was its own",
        OBSERVER,
        "is_own = record is None or record.holder == self._node",
        "is_own = False",
    ),
    Mutant(
        "an observer waits without margin",
        TIMING,
        "return self.ttl_seconds + self.margin_seconds",
        "return self.ttl_seconds",
    ),
    Mutant("a timing needs no margin", TIMING, "if self.margin_seconds <= 0:", "if False:"),
    Mutant(
        "one lost renewal may end the role",
        TIMING,
        "if not 0 < 2 * self.renew_seconds < self.acting_seconds:",
        "if False:",
    ),
    Mutant(
        "heartbeats may be rarer than leases last",
        TIMING,
        "if not self.heartbeat_seconds < self.ttl_seconds:",
        "if False:",
    ),
    Mutant(
        "who has stopped still acts",
        ROLE,
        "self._lease.is_valid(now) and not self._handover.is_paused",
        "self._lease.is_valid(now)",
    ),
    Mutant(
        "a renewal while stopped lets the others act",
        ROLE,
        "paused=paused, planned",
        "paused=False, planned",
    ),
    Mutant(
        "a stop pauses nobody",
        HANDOVER,
        "self._lease.valid_until, paused=True)",
        "self._lease.valid_until)",
    ),
    Mutant(
        "the role is given while the holder acts",
        HANDOVER,
        "if not self._is_paused or self._resumes_at != NEVER:",
        "if self._resumes_at != NEVER:",
    ),
    Mutant(
        "the role is given by who goes on",
        HANDOVER,
        "if not self._is_paused or self._resumes_at != NEVER:",
        "if not self._is_paused:",
    ),
    Mutant(
        "who resumes acts without a new renewal",
        HANDOVER,
        "if sent_at >= self._resumes_at:",
        "if self._resumes_at != NEVER:",
    ),
    Mutant(
        "who stopped acts after any renewal",
        HANDOVER,
        "if sent_at >= self._resumes_at:",
        "if True:",
    ),
    Mutant(
        "a lease that ran out is handed over",
        HANDOVER,
        "if successor is None or not self._lease.is_valid(now):",
        "if successor is None:",
    ),
    Mutant("a forgotten switchover never ends", HANDOVER, "if now >= self._until:", "if False:"),
    Mutant(
        "a record that was prepared counts from when it is read",
        LEASE,
        """        self._n += 1
        self._sent[self._n] = now
        return self._n""",
        """        self._n += 1
        self._sent[self._n] = Instant(now + 60)
        return self._n""",
    ),
    Mutant(
        "a handover gives the epoch that the holder has",
        ROLE,
        "self._handover.transfer(Epoch(self._largest + 1), now)",
        "self._handover.transfer(Epoch(self._largest), now)",
    ),
    Mutant(
        "a paused grant lets others act",
        GRANT,
        "if grant is None or grant.paused:",
        "if grant is None:",
        ("tests/unit/runtime",),
    ),
    Mutant(
        "the grant that was paused comes back",
        GRANT,
        "grant.epoch, grant.valid_until, grant.paused",
        "grant.epoch, grant.valid_until, False",
        ("tests/unit/runtime",),
    ),
    Mutant(
        "a leader stays beside the primary",
        LEADERS,
        "if group.leader == own else None",
        "if False else None",
    ),
    Mutant(
        "a leader does not go home to the witness",
        LEADERS,
        "if witness in group.current:",
        "if False:",
    ),
    Mutant(
        "a record's times may be senseless",
        RECORD,
        "if not 0 <= record.margin < record.ttl:",
        "if False:",
    ),
    Mutant(
        "a grant of another kernel counts",
        GRANT,
        " or grant.boot_id != self._boot_id",
        "",
        ("tests/unit/runtime",),
    ),
    Mutant(
        "a grant of a smaller epoch comes back",
        GRANT,
        "_order(grant) < _order(last)",
        "False",
        ("tests/unit/runtime",),
    ),
    Mutant(
        "a grant does not end",
        GRANT,
        "return grant.epoch if now < grant.valid_until else None",
        "return grant.epoch",
        ("tests/unit/runtime",),
    ),
)
