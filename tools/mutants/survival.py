"""Mutants of what is said about the next failure, of restarts of log servers, of sessions' ends."""

from typing import Final

from tools.mutants.mutant import Mutant

SURVIVAL: Final = "services.gateway.cluster.core.survival"
SERVER_HEALTH: Final = "stack.server_health"
ENDING: Final = "clients.session.ending"

SURVIVAL_TESTS: Final = ("tests/unit/gateway/cluster/test_survival.py",)
SERVER_TESTS: Final = ("tests/unit/stack/test_server_health.py",)
ENDING_TESTS: Final = ("tests/unit/clients/session/test_ending.py",)

NEXT_FAILURES: Final = (
    Mutant(
        "a sick primary is taken for a well one",
        SURVIVAL,
        "not self.reasons if self.is_primary else self.could_take_over",
        "self.is_primary or self.could_take_over",
        SURVIVAL_TESTS,
    ),
    Mutant(
        "a master's machine dies without its log server",
        SURVIVAL,
        "servers = [each for each in self.log.working if each != node]",
        "servers = [each for each in self.log.working if is_master or each != node]",
        SURVIVAL_TESTS,
    ),
    Mutant(
        "a log without a quorum holds every change",
        SURVIVAL,
        "working >= quorum and len(servers) > working - quorum",
        "len(servers) > working - quorum",
        SURVIVAL_TESTS,
    ),
    Mutant(
        "a server is restarted on a full disk",
        SERVER_HEALTH,
        "if server.has_room:",
        "if True:",
        SERVER_TESTS,
    ),
    Mutant(
        "two servers are restarted at the same time",
        SERVER_HEALTH,
        "if any(server.is_settling(now) for server in running.values()):",
        "if False:",
        SERVER_TESTS,
    ),
    Mutant(
        "a silent server is restarted beside another that is not well",
        SERVER_HEALTH,
        "if len(well) == total - 1:",
        "if True:",
        SERVER_TESTS,
    ),
    Mutant(
        "a server that stays out is restarted without end",
        SERVER_HEALTH,
        "first + OUT_SECONDS * len(self.restarts)",
        "first",
        SERVER_TESTS,
    ),
    Mutant(
        "a lifetime that ends in mid-transfer is a good end",
        ENDING,
        "self.reason is not CloseReason.CLOSED_BY_ENDPOINT",
        "self.reason is CloseReason.CLOSED_BY_USER",
        ENDING_TESTS,
    ),
)
