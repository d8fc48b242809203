"""The guards of the failsafe promise, on both of its sides."""

from typing import Final

from tools.mutants.mutant import Mutant

REQUESTER: Final = "services.failover_monitor.core.promise_requester"
VOTER: Final = "services.failover_monitor.core.promise_voter"
MONITOR: Final = "services.failover_monitor.core.monitor"
ROLE: Final = "services.failover_monitor.core.role"
LEASE: Final = "services.failover_monitor.core.lease"
OBSERVER: Final = "services.failover_monitor.core.observer"
COLLECTOR: Final = "services.failover_monitor.promises.collector"

PROMISE: Final = (
    Mutant(
        "a compare-and-set that lost requests promises",
        REQUESTER,
        "outcome is WriteFailure.UNKNOWN",
        "isinstance(outcome, WriteFailure)",
    ),
    Mutant(
        "promises are requested one upon another",
        REQUESTER,
        "not self._is_bucket_silent or self._open is not None:",
        "not self._is_bucket_silent:",
    ),
    Mutant(
        "promises are requested without a pause",
        REQUESTER,
        "max(again, urgent)",
        "urgent",
    ),
    Mutant(
        "promises are requested at the first lost answer", REQUESTER, "max(again, urgent)", "again"
    ),
    Mutant(
        "who hands over requests promises",
        MONITOR,
        "self._role.is_acting(now) and self._keeping.may",
        "self._keeping.may",
    ),
    Mutant(
        "who should give way requests promises",
        MONITOR,
        "self._role.is_acting(now) and self._keeping.may_renew(now)",
        "self._role.is_acting(now)",
    ),
    Mutant(
        "votes to another request count",
        REQUESTER,
        "if terms is None or collected.number != terms.number:",
        "if terms is None:",
    ),
    Mutant("a promise to another request counts", REQUESTER, " if vote.terms == terms)", ")"),
    Mutant(
        "a larger epoch in a vote is not learned",
        MONITOR,
        "effects += self._role.learn_epoch(vote.largest, now)",
        "pass",
    ),
    Mutant("a refusal counts as a promise", REQUESTER, " if not vote.refusal}", "}"),
    Mutant(
        "one promise is enough",
        REQUESTER,
        "not promised >= (collected.masters or frozenset())",
        "not promised",
    ),
    Mutant(
        "it need not be known who had to promise",
        REQUESTER,
        "collected.masters is not None and collected.epoch",
        "collected.epoch",
    ),
    Mutant(
        "who had to promise may be old news",
        REQUESTER,
        " and collected.epoch == terms.epoch",
        "",
    ),
    Mutant(
        "promises count when the bucket answered meanwhile",
        REQUESTER,
        "return is_known and self._is_bucket_silent and epoch",
        "return is_known and epoch",
    ),
    Mutant(
        "a promise counts from when it came",
        MONITOR,
        "self._role.extend(tally.promised_at, now)",
        "self._role.extend(now, now)",
    ),
    Mutant("a role that ran out is kept", ROLE, "if not self.is_acting(now):", "if False:"),
    Mutant(
        "a record found later shortens what was promised",
        LEASE,
        "self.valid_until = max(self.valid_until, self._until(sent_at))",
        "self.valid_until = self._until(sent_at)",
    ),
    Mutant("who has seen a larger epoch promises", VOTER, "if largest > terms.epoch:", "if False:"),
    Mutant("who holds the lease promises", VOTER, "if self._lease.is_held:", "if False:"),
    Mutant("who may have taken promises", VOTER, "if self._lease.pending_write:", "if False:"),
    Mutant("who can write promises", VOTER, "if can_write:", "if False:"),
    Mutant(
        "a promise is shorter than it was asked for",
        VOTER,
        "terms.ttl + terms.margin > self._timing.waiting_seconds",
        "False",
    ),
    Mutant("a promise binds nobody", VOTER, "if not refusal:", "if False:"),
    Mutant(
        "a promise leaves out the margin",
        VOTER,
        "now + self._timing.waiting_seconds",
        "now + self._timing.ttl_seconds",
    ),
    Mutant(
        "a master that took the lease acts before its promise has run out",
        ROLE,
        "acquired is None or now < self._acts_from or",
        "acquired is None or",
    ),
    Mutant(
        "a role that ran out meanwhile is announced",
        ROLE,
        " or not self._lease.is_valid(now):\n            return NOTHING\n        self._unannounced",
        ":\n            return NOTHING\n        self._unannounced",
    ),
    Mutant(
        "a role that was not announced acts",
        ROLE,
        "self.has_begun and self._lease.is_valid",
        "self._lease.is_valid",
    ),
    Mutant(
        "a role that was not announced is granted when it is renewed",
        ROLE,
        "elif self._unannounced is None:",
        "else:",
    ),
    Mutant(
        "a master takes in spite of its promise",
        OBSERVER,
        "return max(Instant(self._since + wait), self._not_before)",
        "return Instant(self._since + wait)",
    ),
    Mutant("a write that was given up is forgotten", LEASE, "self._expected = expected", "pass"),
    Mutant(
        "a write is forgotten when the key is read",
        LEASE,
        "self._expected is not None and revision > self._expected",
        "self._expected is not None",
    ),
    Mutant(
        "a removed master need not promise",
        COLLECTOR,
        "(known | self.trust.masters.keys())",
        "known",
    ),
    Mutant(
        "a new master need not promise",
        COLLECTOR,
        "(known | self.trust.masters.keys())",
        "set(self.trust.masters)",
    ),
    Mutant(
        "anybody's vote is a promise",
        COLLECTOR,
        "if vote.node != node or not self._is_signed(vote):",
        "if vote.node != node:",
    ),
    Mutant(
        "a master promises for another",
        COLLECTOR,
        "if vote.node != node or not self._is_signed(vote):",
        "if not self._is_signed(vote):",
    ),
)
