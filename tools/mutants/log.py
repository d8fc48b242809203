"""The guards of the log, of its followers and of the answers, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

ENTRIES: Final = "shared.domain.log"
FOLLOWER: Final = "services.replication.core.follower"
COMMIT: Final = "services.config.core.commit"
CONFLICT: Final = "services.replication.core.conflict"
TESTS: Final = ("tests/unit/domain", "tests/unit/replication", "tests/simulation/site")
CONFIG: Final = ("tests/unit/config",)
SITE: Final = ("tests/simulation/site/test_site.py",)
REBUILDS: Final = ("tests/simulation/site/test_generations.py",)
SWITCHOVER: Final = ("tests/unit/config/test_switchover.py",)
READING: Final = ("tests/unit/config/test_reading.py",)
CHECKS_HEALTH: Final = ("tests/unit/failover_monitor/test_health_check.py",)
HEARS: Final = ("tests/unit/failover_monitor/test_handlers.py",)

LOG: Final = (
    Mutant(
        "an entry of another log generation follows",
        ENTRIES,
        "if entry.log_generation != position.log_generation and not _leads_on(position, entry):",
        "if False:",
        TESTS,
    ),
    Mutant(
        "any entry leads into a later generation",
        ENTRIES,
        "return entry.begins_generation and entry",
        "return entry",
        TESTS,
    ),
    Mutant(
        "a generation leads back into an earlier one",
        ENTRIES,
        " and entry.log_generation > position.log_generation",
        "",
        TESTS,
    ),
    Mutant(
        "a copy that has more than a generation began with takes a snapshot",
        ENTRIES,
        "return Entrance.BEHIND if position.revision + 1 < first.revision else Entrance.DIVERGED",
        "return Entrance.BEHIND",
        TESTS,
    ),
    Mutant(
        "another generation's beginning counts in this log",
        FOLLOWER,
        "if entry.log_generation != self.generation:",
        "if False:",
        TESTS,
    ),
    Mutant(
        "what both have counts as one side's alone",
        CONFLICT,
        "if theirs.get(revision) == hash_",
        "if False",
        TESTS,
    ),
    Mutant(
        "another entry at the same revision is common",
        CONFLICT,
        "if theirs.get(revision) == hash_",
        "if revision in theirs",
        TESTS,
    ),
    Mutant(
        "what speaks of the cluster is a conflict",
        CONFLICT,
        "if change.kind != CONTROL_KIND:",
        "if True:",
        TESTS,
    ),
    Mutant(
        "a revision may be left out or repeated",
        ENTRIES,
        "if entry.revision != position.revision + 1:",
        "if False:",
        TESTS,
    ),
    Mutant(
        "an entry of another history follows",
        ENTRIES,
        "if entry.previous_hash != position.hash:",
        "if False:",
        TESTS,
    ),
    Mutant(
        "an epoch may begin that is over",
        ENTRIES,
        "if entry.epoch <= position.epoch:",
        "if False:",
        TESTS,
    ),
    Mutant(
        "an entry of an older epoch follows",
        ENTRIES,
        "elif entry.epoch != position.epoch:",
        "elif False:",
        TESTS,
    ),
    Mutant(
        "a message is judged twice", FOLLOWER, "if sequence <= self.read_to:", "if False:", TESTS
    ),
    Mutant(
        "a gap is judged and not fetched",
        FOLLOWER,
        "if sequence != self.read_to + 1:",
        "if False:",
        TESTS,
    ),
    Mutant("what nobody known signed is applied", FOLLOWER, "if not proven:", "if False:", TESTS),
    Mutant(
        "a message that does not follow is applied",
        FOLLOWER,
        "return Apply(stored, entry) if why is None else Skip(why, stored.signer)",
        "return Apply(stored, entry)",
        TESTS,
    ),
    Mutant(
        "a copy goes back",
        FOLLOWER,
        "assert position.revision >= self.position.revision",
        "assert True",
        TESTS,
    ),
    Mutant(
        "a copy of another history goes on",
        FOLLOWER,
        "return Standing.FOLLOWING if on_chain else Standing.DIVERGED",
        "return Standing.FOLLOWING",
        TESTS,
    ),
    Mutant(
        "one stale reading makes the log lost",
        FOLLOWER,
        "is_lost = now - self.missing_since >= LOG_LOST_SECONDS",
        "is_lost = True",
        TESTS,
    ),
    Mutant(
        "a log that proved whole is still counted as short",
        FOLLOWER,
        "            self.missing_since = None\n            on_chain",
        "            on_chain",
        TESTS,
    ),
    Mutant(
        "one crossing makes a subscription anew",
        FOLLOWER,
        "if self.late < SILENT_READINGS:",
        "if self.late < 1:",
        TESTS,
    ),
    Mutant(
        "a strict site goes without a backup",
        COMMIT,
        " and rules.durability is not Durability.STRICT",
        "",
        CONFIG,
    ),
    Mutant(
        "an attached backup is not waited for",
        COMMIT,
        "return mode is ReplicationMode.DEGRADED and rules",
        "return rules",
        CONFIG,
    ),
    Mutant(
        "a strict site takes changes without a backup",
        COMMIT,
        "if rules.durability is not Durability.STRICT or not changes:",
        "if True:",
        CONFIG,
    ),
    Mutant(
        "an answer for an entry elsewhere commits",
        "shared.clusterlog.log",
        "if answer == expected + 1:",
        "if True:",
        SITE,
    ),
    Mutant(
        "an entry that the database refused is forgotten",
        "services.config.write.writer",
        """        self.current = None
        if isinstance(error, StoreUnavailable):""",
        "        if isinstance(error, StoreUnavailable):",
        (*CONFIG, *SITE),
    ),
    Mutant(
        "a copy that was ready and is behind does not catch up",
        "services.config.write.writer",
        "with contextlib.suppress(LogConflict, NotPrimary):",
        "with contextlib.suppress():",
        SWITCHOVER,
    ),
    Mutant(
        "readiness is relied on again and again",
        "services.config.write.replica",
        "was_ready, self._is_ready = self._is_ready, False",
        "was_ready = self._is_ready",
        SWITCHOVER,
    ),
    Mutant(
        "documents are read but once",
        "services.config.write.replica",
        "if not self._has_read or before != self.position:",
        "if not self._has_read:",
        SWITCHOVER,
    ),
    Mutant(
        "a master that expects the role reads nothing that its follower applies",
        "services.config.write.writer",
        "if is_expected and revision > self.replica.position.revision:",
        "if False:",
        SWITCHOVER,
    ),
    Mutant(
        "a change is acknowledged without a valid grant",
        "services.config.write.acknowledgements",
        "if self.replica.permission.epoch is None:",
        "if False:",
        CONFIG,
    ),
    Mutant(
        "an entry is appended after the grant of its epoch has ended",
        "services.config.write.replica",
        "if self.permission.epoch != epoch:",
        "if False:",
        (*CONFIG, *SITE),
    ),
    Mutant(
        "the end of a backup's time is noticed at the next idle turn",
        "services.config.write.writer",
        "if deadline is None:",
        "if True:",
        CONFIG,
    ),
    Mutant(
        "a backup is never too late",
        "services.config.write.acknowledgements",
        "ReplicationMode.SYNCHRONOUS and any(",
        "ReplicationMode.DEGRADED and any(",
        CONFIG,
    ),
    Mutant(
        "a current answer leaves after the grant has ended",
        "services.config.handlers",
        """        answer = await read_documents(self._state, question)
        if question.current and not self._writer.is_acting:
            raise Silent
""",
        """        answer = await read_documents(self._state, question)
""",
        READING,
    ),
    Mutant(
        "a master without its log takes the lease",
        "services.failover_monitor.health.check",
        "if position is not None and await read_hash(log, position) != position.hash:",
        "if False:",
        CHECKS_HEALTH,
    ),
    Mutant(
        "a heartbeat's epoch is believed",
        "services.failover_monitor.handlers",
        "self._versions.record(event.node, event.version)",
        "self._monitor._role.learn_epoch(event.epoch, self._clock.now())",
        HEARS,
    ),
    Mutant(
        "the revisions of a lost lease come again",
        "services.config.repair.lease",
        "return 1 + (generation - 1) * REVISIONS_OF_A_BUCKET",
        "return 1",
        REBUILDS,
    ),
)
