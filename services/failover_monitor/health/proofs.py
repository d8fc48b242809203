"""Asks this master's services to prove that they work, each over the bus, as everybody asks them.

A service that is dead, frozen, or does not hear its questions does not answer; its last proof then
grows old. Each is asked by a loop of its own, so that none of them delays another.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION, Proof
from services.failover_monitor.core.timing import Timing
from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events.message import Request
from shared.events.proof import ProveConfig, ProveGateway, ProveReplication, ServiceProof
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

RARE_SECONDS: Final = 2.0
"""How often a service is asked whose silence counts only after ten seconds."""

LONGEST_CAUSE: Final = 400
"""Characters of a cause that are passed on; every heartbeat carries them."""

FRESH_SECONDS: Final = 0.7
"""How long a new commit may take that is to show that this master can take the role now."""


class ProofCollector:
    """Keeps the last proof of each service of this master."""

    def __init__(self, node: NodeId, publisher: Asks, clock: Clock, timing: Timing) -> None:
        self._node = node
        self._publisher = publisher
        self._clock = clock
        self._often = timing.heartbeat_seconds
        self._proofs: dict[str, Proof] = {}

    def proofs(self) -> tuple[Proof, ...]:
        """Return the last proofs, in the order of their services' names."""
        return tuple(proof for _, proof in sorted(self._proofs.items()))

    def tasks(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Return what asks each service until cancelled."""
        node, rare = self._node, max(RARE_SECONDS, self._often)
        return {
            "config_proof": partial(self._keep, CONFIG, ProveConfig(node=node), self._often),
            "replication_proof": partial(
                self._keep, REPLICATION, ProveReplication(node=node), rare
            ),
            "gateway_proof": partial(self._keep, GATEWAY, ProveGateway(node=node), rare),
        }

    async def find_config_fault(self) -> str:
        """Let config commit once now; return what is wrong, or nothing."""
        asked_at = self._clock.now()
        answer = await self._ask(CONFIG, ProveConfig(node=self._node, fresh=True), FRESH_SECONDS)
        if answer is None:
            return "its config does not commit now"
        if not answer.refusals and answer.worked_at >= asked_at:
            return ""
        return f"its config commits nothing: {answer.cause or 'its last commit is an old one'}"

    async def _keep(self, service: str, question: Request[ServiceProof], seconds: float) -> None:
        """Ask *service* every *seconds*; more often until it answers for the first time."""
        while True:
            asked_at = self._clock.now()
            await self._ask(service, question, seconds)
            pause = seconds if service in self._proofs else self._often
            await asyncio.sleep(max(0.0, asked_at + pause - self._clock.now()))

    async def _ask(
        self, service: str, question: Request[ServiceProof], seconds: float
    ) -> ServiceProof | None:
        """Ask once; a refusal and a stranger's answer prove no more than silence does."""
        try:
            answer = await self._publisher.ask(question, timeout_seconds=seconds)
        except MeridianError:
            return None
        if answer.node != self._node:
            return None
        now, cause = self._clock.now(), answer.cause[:LONGEST_CAUSE]
        worked_at = min(now, answer.worked_at)  # nobody has worked in the future
        self._proofs[service] = Proof(service, now, worked_at, answer.refusals, cause, answer.epoch)
        return answer
