"""What a monitor learns from its services, and from those that do not answer."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION
from services.failover_monitor.core.timing import PRESETS
from services.failover_monitor.health.proofs import LONGEST_CAUSE, RARE_SECONDS, ProofCollector
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch, Instant, NodeId
from shared.events.message import Message, Request
from shared.events.proof import ProveConfig, ProveGateway, ProveReplication, ServiceProof
from tests.fakes.responder import Responder
from tests.fakes.virtual_time import VirtualClock, pause, run

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
TIMING = PRESETS["local"]
SERVICES: dict[type[Request[Any]], str] = {
    ProveConfig: CONFIG,
    ProveReplication: REPLICATION,
    ProveGateway: GATEWAY,
}


@dataclass
class Services(Responder):
    """The services of one master; those in *dead* answer nothing."""

    node: NodeId = ALPHA
    ahead_seconds: float = -0.2
    cause: str = "the disk is full"
    refusals: int = 0
    dead: set[str] = field(default_factory=set[str])
    asked: list[str] = field(default_factory=list[str])

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        service = SERVICES[type(request)]
        self.asked.append(service)
        await pause(0.001)
        if service in self.dead:
            await pause(timeout_seconds)
            raise Unavailable("nobody answered")
        return ServiceProof(
            node=self.node,
            worked_at=Instant(VirtualClock().now() + self.ahead_seconds),
            refusals=self.refusals,
            cause=self.cause if self.refusals else "",
            epoch=Epoch(4),
        )


async def collect(services: Services, seconds: float) -> ProofCollector:
    """Ask *services* for so long."""
    collector = ProofCollector(ALPHA, services, VirtualClock(), TIMING)
    tasks = [asyncio.create_task(ask()) for ask in collector.tasks().values()]
    await pause(seconds)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return collector


def test_each_service_is_asked_and_its_last_proof_is_kept() -> None:
    async def scenario() -> None:
        services = Services()
        collector = await collect(services, 10.2)
        config, gateway, replication = collector.proofs()
        assert [config.service, gateway.service, replication.service] == [
            CONFIG,
            GATEWAY,
            REPLICATION,
        ]
        assert (config.epoch, config.refusals) == (4, 0)
        assert 0.2 <= config.answered_at - config.worked_at < 0.21
        assert VirtualClock().now() - config.answered_at <= TIMING.heartbeat_seconds
        assert services.asked.count(GATEWAY) <= 10.2 / RARE_SECONDS + 1
        assert services.asked.count(CONFIG) >= 10 / TIMING.heartbeat_seconds

    run(scenario())


def test_a_dead_service_delays_no_other_and_is_asked_again_soon_until_it_answers() -> None:
    async def scenario() -> None:
        services = Services(dead={GATEWAY})
        collector = await collect(services, 4.2)
        assert [proof.service for proof in collector.proofs()] == [CONFIG, REPLICATION]
        assert services.asked.count(CONFIG) >= 8
        assert services.asked.count(GATEWAY) >= 2

    run(scenario())


def test_the_answer_of_another_node_proves_nothing() -> None:
    async def scenario() -> None:
        assert (await collect(Services(node=BRAVO), 2)).proofs() == ()

    run(scenario())


def test_a_service_that_worked_in_the_future_or_speaks_at_length_is_cut_short() -> None:
    async def scenario() -> None:
        services = Services(ahead_seconds=1e9, refusals=1, cause="x" * 100_000)
        proof = (await collect(services, 1)).proofs()[0]
        assert proof.worked_at == proof.answered_at
        assert proof.cause == "x" * LONGEST_CAUSE

    run(scenario())


def test_a_commit_of_this_moment_says_what_is_wrong_in_one_sentence() -> None:
    async def scenario() -> None:
        for services, expected in (
            (Services(ahead_seconds=0), ""),
            (Services(), "its config commits nothing: its last commit is an old one"),
            (Services(refusals=1), "its config commits nothing: the disk is full"),
            (Services(dead={CONFIG}), "its config does not commit now"),
        ):
            collector = ProofCollector(ALPHA, services, VirtualClock(), TIMING)
            assert await collector.find_config_fault() == expected

    run(scenario())
