"""The guards against junk in the lease's key: of the holder, the observer and the store."""

from typing import Final

from tools.mutants.mutant import Mutant

LEASE: Final = "services.failover_monitor.core.lease"
MONITOR: Final = "services.failover_monitor.core.monitor"
RECORD: Final = "services.failover_monitor.core.record"
ROLE: Final = "services.failover_monitor.core.role"
OBSERVER: Final = "services.failover_monitor.core.observer"
STORE: Final = "services.failover_monitor.lease.store"
IN_THE_WORLD: Final = ("tests/simulation/failover/test_junk.py",)
RECORDS: Final = ("tests/unit/failover_monitor/test_record.py",)
ON_A_SERVER: Final = (
    "tests/contract/test_lease_store.py",
    "tests/integration/failover_monitor/test_store.py",
)

JUNK: Final = (
    Mutant("junk ends a role", LEASE, "if not (is_valid and is_same_key) or", "if True or"),
    Mutant(
        "a holder whose lease ran out writes over junk",
        LEASE,
        "if not (is_valid and is_same_key) or",
        "if not is_same_key or",
    ),
    Mutant(
        "junk that may hide a successor is written over",
        LEASE,
        " or self._may_be_handed_over:",
        ":",
    ),
    Mutant(
        "junk that may hide a successor makes two primaries where it is written over",
        LEASE,
        " or self._may_be_handed_over:",
        ":",
        IN_THE_WORLD,
    ),
    Mutant(
        "a lease that ran out makes two primaries where junk is written over",
        LEASE,
        "if not (is_valid and is_same_key) or",
        "if not is_same_key or",
        IN_THE_WORLD,
    ),
    Mutant(
        "junk moves the role where it ends one",
        LEASE,
        "if not (is_valid and is_same_key) or",
        "if True or",
        IN_THE_WORLD,
    ),
    Mutant(
        "a successor that was given up is feared without end",
        LEASE,
        "self.is_junk, self._may_be_handed_over = revision, False, False",
        "self.is_junk = revision, False",
    ),
    Mutant(
        "a role goes on in a bucket made anew",
        LEASE,
        "is_same_key = are_of_one_bucket(revision, self.revision)",
        "is_same_key = True",
    ),
    Mutant(
        "an old answer about junk counts",
        ROLE,
        "if revision <= base.revision and are_of_one_bucket(revision, base.revision):",
        "if False:",
    ),
    Mutant(
        "a copy of another's record ends a role",
        ROLE,
        "if record is None or record.epoch < self._lease.epoch:",
        "if record is None:",
    ),
    Mutant(
        "a copy of an own record counts",
        ROLE,
        "return self._handle_junk(key.revision, now)\n        if key.revision",
        "pass\n        if key.revision",
    ),
    Mutant(
        "junk is replaced when the next renewal is due",
        MONITOR,
        "self._role.next_write(now) if self._lease.base.is_junk else None",
        "None",
    ),
    Mutant(
        "junk does not begin the wait anew",
        OBSERVER,
        "self._since, self._key = now, KeyState(",
        "self._since, self._key = self._since if self._key and not key.record else now, KeyState(",
    ),
    Mutant(
        "junk makes two primaries where it does not begin the wait anew",
        OBSERVER,
        "self._since, self._key = now, KeyState(",
        "self._since, self._key = self._since if self._key and not key.record else now, KeyState(",
        IN_THE_WORLD,
    ),
    Mutant(
        "junk says that the key names nobody",
        OBSERVER,
        "KeyState(self._believed(key), key.revision)",
        "key",
    ),
    Mutant(
        "a copy of a record names whom an observer waits for",
        OBSERVER,
        " or (last is not None and key.record.is_older_than(last))",
        "",
    ),
    Mutant(
        "whom a lost bucket named is remembered",
        OBSERVER,
        "if self._key is None or not are_of_one_bucket(key.revision, self._key.revision):",
        "if self._key is None:",
    ),
    Mutant(
        "of two records of a process either is the newer",
        RECORD,
        "return is_same_process and self.n < other.n",
        "return False",
    ),
    Mutant(
        "a copy of a record counts",
        STORE,
        'if not is_named_once or wanted not in headers.split(b"\\r\\n"):',
        "if False:",
        RECORDS,
    ),
    Mutant(
        "a comparison that was asked for twice counts",
        STORE,
        "if not is_named_once or wanted",
        "if wanted",
        RECORDS,
    ),
    Mutant(
        "where a record was put is not checked",
        STORE,
        "            require_in_place(record, headers)\n",
        "",
        ON_A_SERVER,
    ),
    Mutant(
        "a missing key stays missing",
        STORE,
        "return await self._make() if code == ErrorCode.NO_MESSAGE else None",
        "return KeyState(None, 1) if code == ErrorCode.NO_MESSAGE else None",
        ON_A_SERVER,
    ),
)
