"""Mutants of the gateway: sessions, who is primary, and what a conflict changes."""

from typing import Final

from tools.mutants.mutant import Mutant

SESSION: Final = "services.gateway.sessions.core.session"
SHARED_PATH: Final = "services.gateway.sessions.core.shared_path"
REPORT: Final = "services.gateway.cluster.core.node_report"
OBSERVED: Final = "services.gateway.cluster.core.observed"
CONFLICT: Final = "services.gateway.conflicts.core"
RATE: Final = "services.gateway.core.rate_limit"
STOP: Final = "services.gateway.http.graceful_stop"

SESSION_TESTS: Final = ("tests/unit/gateway/sessions/test_session.py",)
SHARED_PATH_TESTS: Final = ("tests/unit/gateway/sessions/test_shared_path.py",)
REPORT_TESTS: Final = ("tests/unit/gateway/cluster/test_node_report.py",)
CONFLICT_TESTS: Final = ("tests/unit/gateway/conflicts/test_conflict_rules.py",)
STOP_TESTS: Final = ("tests/unit/gateway/http/test_graceful_stop.py",)
RATE_TESTS: Final = ("tests/unit/gateway/core/test_rate_limit.py",)

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
        "if len(events) >= self._limit:",
        "if False:",
        RATE_TESTS,
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
