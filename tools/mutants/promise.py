"""The guards of the failsafe promise, on both of its sides."""

from typing import Final

from tools.mutants.mutant import Mutant

ASKER: Final = "services.failover_monitor.core.asker"
GIVER: Final = "services.failover_monitor.core.giver"
ROLE: Final = "services.failover_monitor.core.role"
LEASE: Final = "services.failover_monitor.core.lease"
TAKEOVER: Final = "services.failover_monitor.core.takeover"
SHELL: Final = "services.failover_monitor.promises"

PROMISE: Final = (
    Mutant(
        "a compare-and-set that lost asks for promises",
        ASKER,
        "outcome is Refusal.UNKNOWN",
        "isinstance(outcome, Refusal)",
    ),
    Mutant(
        "promises are asked for one upon another",
        ASKER,
        "not self._is_silent or self._asked is not None or not",
        "not self._is_silent or not",
    ),
    Mutant(
        "promises are asked for without a pause",
        ASKER,
        "max(again, urgent)",
        "urgent",
    ),
    Mutant("promises are asked for at the first lost answer", ASKER, "max(again, urgent)", "again"),
    Mutant(
        "who hands over asks for promises",
        ASKER,
        "self._role.is_acting(now) and self._role.may",
        "self._role.may",
    ),
    Mutant(
        "who should give way asks for promises",
        ASKER,
        "self._role.is_acting(now) and self._role.may_renew(now)",
        "self._role.is_acting(now)",
    ),
    Mutant(
        "answers to another request count",
        ASKER,
        "if asked is None or answers.number != asked.number:",
        "if asked is None:",
    ),
    Mutant("a promise to another request counts", ASKER, " if each.asked == asked]", "]"),
    Mutant(
        "a larger epoch in an answer is not learned",
        ASKER,
        "effects += self._role.learn(each.largest, now)",
        "pass",
    ),
    Mutant("a refusal counts as a promise", ASKER, " if not each.refusal}", "}"),
    Mutant(
        "one promise is enough",
        ASKER,
        "not given >= (answers.masters or frozenset())",
        "not given",
    ),
    Mutant(
        "it need not be known who had to promise",
        ASKER,
        "answers.masters is not None and answers.epoch",
        "answers.epoch",
    ),
    Mutant(
        "who had to promise may be old news",
        ASKER,
        " and answers.epoch == asked.epoch",
        "",
    ),
    Mutant(
        "promises count when the bucket answered meanwhile",
        ASKER,
        "return known and self._is_silent and self",
        "return known and self",
    ),
    Mutant(
        "a promise counts from when it came",
        ASKER,
        "self._role.keep(self._asked_at, now)",
        "self._role.keep(now, now)",
    ),
    Mutant("a role that ran out is kept", ROLE, "if not self.is_acting(now):", "if False:"),
    Mutant(
        "a record found later shortens what was promised",
        LEASE,
        "self.valid_until = max(self.valid_until, self._until(sent_at))",
        "self.valid_until = self._until(sent_at)",
    ),
    Mutant("who has seen a larger epoch promises", GIVER, "role.largest > asked.epoch", "False"),
    Mutant("who holds the lease promises", GIVER, "if role.lease.held:", "if False:"),
    Mutant("who may have taken promises", GIVER, "if role.lease.doubt:", "if False:"),
    Mutant("who can write promises", GIVER, "if could_write:", "if False:"),
    Mutant(
        "a promise is shorter than it was asked for",
        GIVER,
        "asked.ttl + asked.margin > self._timing.waiting_seconds",
        "False",
    ),
    Mutant("a promise binds nobody", GIVER, "if not refusal:", "if False:"),
    Mutant(
        "a promise leaves out the margin",
        GIVER,
        "now + self._timing.waiting_seconds",
        "now + self._timing.ttl_seconds",
    ),
    Mutant(
        "a taker acts before its promise has run out",
        ROLE,
        "took is None or now < self.acts_from or",
        "took is None or",
    ),
    Mutant(
        "a role that ran out meanwhile is told of",
        ROLE,
        " or not self.lease.is_valid(now):\n            return NOTHING\n        self._untold",
        ":\n            return NOTHING\n        self._untold",
    ),
    Mutant(
        "a role that was told to nobody acts",
        ROLE,
        "self.has_begun and self.lease.is_valid",
        "self.lease.is_valid",
    ),
    Mutant(
        "a role that was told to nobody is renewed aloud",
        ROLE,
        "elif self._untold is None:",
        "else:",
    ),
    Mutant(
        "a master takes in spite of its promise",
        TAKEOVER,
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
        SHELL,
        "(known | self.trust.masters.keys())",
        "known",
    ),
    Mutant(
        "a new master need not promise",
        SHELL,
        "(known | self.trust.masters.keys())",
        "set(self.trust.masters)",
    ),
    Mutant(
        "anybody's word is a promise",
        SHELL,
        "if answer.node != node or not self._is_signed(answer):",
        "if answer.node != node:",
    ),
    Mutant(
        "a master promises for another",
        SHELL,
        "if answer.node != node or not self._is_signed(answer):",
        "if not self._is_signed(answer):",
    ),
)
