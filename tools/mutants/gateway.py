"""Mutants of the gateway: sessions, who is primary, and what a conflict changes."""

from typing import Final

from tools.mutants.mutant import Mutant

SESSION: Final = "services.gateway.sessions.core.session"
SHARED_PATH: Final = "services.gateway.sessions.core.shared_path"
REPORT: Final = "services.gateway.cluster.core.node_report"
OBSERVED: Final = "services.gateway.cluster.core.observed"
CONFLICT: Final = "services.gateway.conflicts.core"
RATE: Final = "services.gateway.core.rate_limit"
BUCKETS: Final = "services.gateway.core.leaky_buckets"
SIGN_IN: Final = "services.gateway.core.sign_in_attempts"
STOP: Final = "services.gateway.http.graceful_stop"

SESSION_TESTS: Final = ("tests/unit/gateway/sessions/test_session.py",)
SHARED_PATH_TESTS: Final = ("tests/unit/gateway/sessions/test_shared_path.py",)
REPORT_TESTS: Final = ("tests/unit/gateway/cluster/test_node_report.py",)
CONFLICT_TESTS: Final = ("tests/unit/gateway/conflicts/test_conflict_rules.py",)
STOP_TESTS: Final = ("tests/unit/gateway/http/test_graceful_stop.py",)
RATE_TESTS: Final = ("tests/unit/gateway/core/test_rate_limit.py",)
BUCKETS_TESTS: Final = ("tests/unit/gateway/core/test_leaky_buckets.py",)
SIGN_IN_TESTS: Final = ("tests/unit/gateway/core/test_sign_in_attempts.py",)

GATEWAY: Final = (
    Mutant(
        "a session goes on after its end",
        SESSION,
        "if now >= state.expires_unix_ms and step is not SessionStep.CLOSE:",
        "if False:",
        SESSION_TESTS,
    ),
    Mutant(
        "an expired session cannot be closed",
        SESSION,
        " and step is not SessionStep.CLOSE:",
        ":",
        SESSION_TESTS,
    ),
    Mutant(
        "a closed session is joined",
        SESSION,
        "SessionPhase.CLOSED: {SessionStep.CLOSE: SessionPhase.CLOSED},",
        "SessionPhase.CLOSED: {\n"
        "        SessionStep.CLOSE: SessionPhase.CLOSED,\n"
        "        SessionStep.JOIN: SessionPhase.ACTIVE,\n    },",
        SESSION_TESTS,
    ),
    Mutant(
        "an end names the node of another path",
        SHARED_PATH,
        "(shared.first, shared.generation) != (reached.side, reached.generation)",
        "shared.first != reached.side",
        SHARED_PATH_TESTS,
    ),
    Mutant(
        "a dead master keeps its role",
        REPORT,
        "if monitor is None or liveness is Liveness.DEAD else",
        "if monitor is None else",
        REPORT_TESTS,
    ),
    Mutant(
        "a dead master is primary",
        OBSERVED,
        " or self.liveness(node, timing, now) is Liveness.DEAD:",
        ":",
        REPORT_TESTS,
    ),
    Mutant(
        "a password that another site sealed is applied",
        CONFLICT,
        'if can_open(str(body.get("password_hash", ""))):',
        "if True:",
        CONFLICT_TESTS,
    ),
    Mutant(
        "a rate limit never refuses",
        RATE,
        "if not self._buckets.is_full(key, now):",
        "if True:",
        RATE_TESTS,
    ),
    Mutant(
        "a /48 of IPv6 has no limit",
        RATE,
        "if client.site != client.source:",
        "if False:",
        RATE_TESTS,
    ),
    Mutant(
        "what has leaked out is given back",
        BUCKETS,
        "if level and now - added < self._leak_seconds:",
        "if level:",
        BUCKETS_TESTS,
    ),
    Mutant(
        "new keys push out those that did much",
        BUCKETS,
        "key=lambda each: self._buckets[each].level",
        "key=lambda each: -self._buckets[each].level",
        BUCKETS_TESTS,
    ),
    Mutant(
        "one holder fills every place",
        "services.gateway.core.places",
        "if self._free <= SHARE * self._held[holder]:",
        "if not self._free:",
        ("tests/unit/gateway/core/test_places.py",),
    ),
    Mutant(
        "a wrong password does not count",
        SIGN_IN,
        "if outcome is Outcome.WRONG:",
        "if False:",
        SIGN_IN_TESTS,
    ),
    Mutant(
        "a known network waits",
        SIGN_IN,
        "return attempt if is_known else replace(attempt, wait_seconds=delay)",
        "return replace(attempt, wait_seconds=delay)",
        SIGN_IN_TESTS,
    ),
    Mutant(
        "outsiders use up the limit of a known network",
        SIGN_IN,
        "        if not attempt.is_known:\n            return",
        "        if True:\n            return",
        SIGN_IN_TESTS,
    ),
    Mutant(
        "a stop waits for no request in flight",
        STOP,
        "if self._answering:",
        "if False:",
        STOP_TESTS,
    ),
    Mutant(
        "a stop turns requests into failures",
        STOP,
        "if not self._requests.is_stopping() or answer.has_begun:",
        "if True:",
        STOP_TESTS,
    ),
    Mutant(
        "any text is a session's id",
        "shared.domain.ids",
        "if not _NAMEPLATE.fullmatch(text):",
        "if False:",
        ("tests/unit/domain/test_ids.py",),
    ),
)
