"""The guards of compare-and-set, of the pauses between attempts, and of the health server."""

from typing import Final

from tools.mutants.mutant import Mutant

WRITE: Final = "shared.messaging.compare_and_set"
NAMES: Final = "shared.messaging.jetstream"
PUBLISHER: Final = "shared.messaging.publisher"
SERVER: Final = "shared.runtime.metrics"
WRITE_TESTS: Final = ("tests/unit/messaging/test_compare_and_set.py",)
ASKING_TESTS: Final = ("tests/unit/messaging/test_publisher.py",)
SERVER_TESTS: Final = ("tests/unit/runtime/test_health.py",)

WRITING: Final = (
    Mutant(
        "a compare-and-set names no sequence",
        WRITE,
        "{**(headers or {}), expected.header: str(expected.sequence)}",
        "{**(headers or {})}",
        WRITE_TESTS,
    ),
    Mutant(
        "any refusal of the server is a conflict",
        WRITE,
        "if error.err_code in CONFLICTS:",
        "if True:",
        WRITE_TESTS,
    ),
    Mutant(
        "a compare-and-set behind another one in flight is no conflict",
        NAMES,
        "frozenset({ErrorCode.WRONG_LAST_SEQUENCE, ErrorCode.LAST_SEQUENCE_IN_FLIGHT})",
        "frozenset({ErrorCode.WRONG_LAST_SEQUENCE})",
        WRITE_TESTS,
    ),
    Mutant(
        "a missing stream is a missing message",
        WRITE,
        "return error.err_code == ErrorCode.NO_MESSAGE",
        "return True",
        WRITE_TESTS,
    ),
    Mutant(
        "a member that refuses is asked again at once",
        PUBLISHER,
        "await asyncio.sleep(REFUSED.pause_seconds(failures))",
        "await asyncio.sleep(0)",
        ASKING_TESTS,
    ),
    Mutant(
        "a client that never asks keeps its connection",
        SERVER,
        "self.deadline = self.loop.call_later(REQUEST_SECONDS, transport.abort)",
        "pass",
        SERVER_TESTS,
    ),
    Mutant(
        "any number of clients keep a connection",
        SERVER,
        "if len(self.connections) > CONNECTIONS:",
        "if False:",
        SERVER_TESTS,
    ),
)
