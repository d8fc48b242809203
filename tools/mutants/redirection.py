"""The guards of the redirection, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

TESTS: Final = ("tests/unit/failover_monitor/redirection",)
REDIRECTING: Final = "services.failover_monitor.redirection.core"
DESIRED: Final = "services.failover_monitor.redirection.desired"
REDIRECTOR: Final = "services.failover_monitor.redirection.redirector"
SHARED_IP: Final = "services.failover_monitor.redirection.shared_ip"

REDIRECTION: Final = (
    Mutant(
        "an old primary's redirection goes on",
        REDIRECTING,
        "return (CancelAttempt(),)",
        "return ()",
        TESTS,
    ),
    Mutant(
        "two redirections are under way at once",
        REDIRECTING,
        "if desired is None or self._trying is not None:",
        "if desired is None:",
        TESTS,
    ),
    Mutant(
        "a redirection that failed counts as done",
        REDIRECTING,
        "        if cause is None:\n            self._reached = attempted",
        "        if True:\n            self._reached = attempted",
        TESTS,
    ),
    Mutant(
        "a redirection that fails later still counts as done",
        REDIRECTING,
        "            self._reached = None\n        if attempted",
        "            pass\n        if attempted",
        TESTS,
    ),
    Mutant(
        "a redirection that was stopped counts as a failure",
        REDIRECTING,
        " or (cause is not None and self._is_cancelled)",
        "",
        TESTS,
    ),
    Mutant(
        "a redirection that is refused is asked again every second",
        REDIRECTING,
        "ATTEMPTS.pause_seconds(attempts)",
        "ATTEMPTS.pause_seconds(1)",
        TESTS,
    ),
    Mutant(
        "a redirection that is over is not released",
        REDIRECTING,
        "return (Release(desired),) if desired in (self._reached, self._trying) else ()",
        "return ()",
        TESTS,
    ),
    Mutant(
        "a redirection follows the documents of an earlier epoch",
        DESIRED,
        "settings.epoch != self._role.epoch or ",
        "",
        TESTS,
    ),
    Mutant(
        "a fault of a redirection, or of other contained work, ends more than it",
        "shared.runtime.containment",
        "            return otherwise(self.fault(kind, name, error))",
        "            raise",
        (*TESTS, "tests/unit/runtime/test_containment.py"),
    ),
    Mutant(
        "a redirection has no time limit",
        REDIRECTOR,
        "asyncio.timeout(limit)",
        "asyncio.timeout(None)",
        TESTS,
    ),
    Mutant(
        "a redirected address outlives the lease",
        SHARED_IP,
        "Instant(now + seconds + 1)",
        "Instant(now + seconds)",
        TESTS,
    ),
)
