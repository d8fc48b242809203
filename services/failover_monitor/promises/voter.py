"""Casts this master's votes on the requests of a primary.

It first tries to write to the bucket: a master that can write promises nothing.
"""

from dataclasses import dataclass
from typing import Protocol

from services.failover_monitor.core.monitor import Monitor
from shared.crypto.nodekeys import NodeKey
from shared.events.failover import PromiseVote, RequestPromise
from shared.runtime.clock import Clock


class ProbesBucket(Protocol):
    """Tries to write to the bucket."""

    async def probe(self) -> bool: ...


@dataclass(frozen=True)
class Voter:
    """Signs what the core decides about a request."""

    monitor: Monitor
    bucket: ProbesBucket
    key: NodeKey
    clock: Clock

    async def vote(self, request: RequestPromise) -> PromiseVote:
        """Promise not to act for a while, or say why not; the vote is signed either way."""
        can_write = await self.bucket.probe()
        vote = self.monitor.vote(request.terms, self.clock.now(), can_write=can_write)
        signature = self.key.sign(vote.promise_bytes()).hex()
        return vote.model_copy(update={"signature": signature})
