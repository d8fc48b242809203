"""The guards of what is said about clocks, and of what is reported of nodes at all."""

from typing import Final

from tools.mutants.mutant import Mutant

OFFSET: Final = "shared.domain.clock_offset"
FOLDING: Final = "shared.domain.history_folding"
MIDDLEWARE: Final = "shared.messaging.middleware"
ANSWERS: Final = "shared.runtime.clock_answers"
OWN: Final = "shared.runtime.own_clock"
STEADY: Final = "services.gateway.cluster.core.steady"
NODE_CLOCKS: Final = "services.gateway.cluster.core.node_clocks"
NEWS: Final = "services.gateway.cluster.core.news"

OFFSET_TESTS: Final = ("tests/unit/domain/test_clock_offset.py",)
FOLDING_TESTS: Final = ("tests/unit/domain/test_history_folding.py",)
CLOCKS_TESTS: Final = ("tests/integration/messaging/test_clocks.py",)
ANSWERS_TESTS: Final = ("tests/unit/runtime/test_clock_answers.py",)
OWN_TESTS: Final = ("tests/unit/runtime/test_own_clock.py",)
STEADY_TESTS: Final = ("tests/unit/gateway/cluster/test_steady.py",)
NODE_CLOCKS_TESTS: Final = ("tests/unit/gateway/cluster/test_node_clocks.py",)
NEWS_TESTS: Final = ("tests/unit/gateway/cluster/test_news.py",)
READINESS_TESTS: Final = ("tests/unit/gateway/cluster/test_status_history.py",)

CLOCKS: Final = (
    Mutant(
        "an answer that was long on its way shows a clock",
        OFFSET,
        "0 <= seconds <= LONGEST_ROUND_TRIP_SECONDS",
        "0 <= seconds",
        OFFSET_TESTS,
    ),
    Mutant(
        "an old offset is spoken of",
        OFFSET,
        " or now - offset.at > STALE_SECONDS",
        "",
        OFFSET_TESTS,
    ),
    Mutant(
        "one master whose clock is off makes every other node's off",
        OFFSET,
        "not group or not all(offset.is_off for _, offset in group)",
        "not group or not any(offset.is_off for _, offset in group)",
        OFFSET_TESTS,
    ),
    Mutant(
        "the question for the time must be fresh",
        MIDDLEWARE,
        "not (declared.subject.stored or declared.subject.any_age)",
        "not declared.subject.stored",
        CLOCKS_TESTS,
    ),
    Mutant(
        "every question is answered at any age",
        MIDDLEWARE,
        "not (declared.subject.stored or declared.subject.any_age)",
        "False",
        CLOCKS_TESTS,
    ),
    Mutant(
        "a recorded question is answered without end",
        ANSWERS,
        "if self._left < 1:",
        "if self._left < -1e9:",
        ANSWERS_TESTS,
    ),
    Mutant(
        "offsets outlive the setting of the own clock",
        OWN,
        "self._clocks.forget()",
        "pass",
        OWN_TESTS,
    ),
    Mutant(
        "a gateway whose clock is off blames everybody else",
        NODE_CLOCKS,
        "if len(clocks) < SEVERAL or",
        "if True or",
        NODE_CLOCKS_TESTS,
    ),
    Mutant(
        "a clock at the limit flips",
        NODE_CLOCKS,
        " or (node in self._off and abs(clock.ahead_ms) >= RIGHT_MS)",
        "",
        NODE_CLOCKS_TESTS,
    ),
    Mutant(
        "what was worse for a moment is reported",
        STEADY,
        "return now - self._worse_since >= worse_seconds",
        "return True",
        STEADY_TESTS,
    ),
    Mutant(
        "what is better for a moment is reported",
        STEADY,
        "return now - self._since >= RECOVERY.pause_seconds(len(self._setbacks))",
        "return True",
        STEADY_TESTS,
    ),
    Mutant(
        "another reason each time is no setback",
        STEADY,
        "if severity and severity >= self._severity:",
        "if severity and severity > self._severity:",
        STEADY_TESTS,
    ),
    Mutant(
        "silence counts as being able",
        NEWS,
        "self._states[node].interrupt()",
        "pass",
        READINESS_TESTS,
    ),
    Mutant(
        "a folded history hides a change of the primary",
        FOLDING,
        "open_runs.clear()",
        "pass",
        FOLDING_TESTS,
    ),
)
