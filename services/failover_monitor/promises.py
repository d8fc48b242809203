"""The failsafe promise between masters, as it is asked for and given; what counts the cores decide.

A master that is asked first tries to write to the bucket: one that can promises nothing. What was
not signed by a master's own key is no promise, whoever sent it.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.failover_monitor.core.giver import Giver
from services.failover_monitor.core.promise import Answers, Promise, PromiseAsked
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import MeridianError, StoreUnavailable
from shared.domain.ids import Epoch, NodeId
from shared.events.failover import AskPromise, PromiseDecided
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

RESERVE: Final = 0.8
"""The share of the time for asking that the answers get; the rest is for what is done with them."""


class Probes(Protocol):
    """Tries to write to the bucket."""

    async def probe(self) -> bool: ...


class Counts(Protocol):
    """Says whom the own database knows as masters, and as of which epoch."""

    async def masters(self) -> tuple[frozenset[NodeId], Epoch]: ...


@dataclass(frozen=True)
class Promises:
    """Asks every other master for its promise."""

    node: NodeId
    trust: TrustStore
    publisher: Asks
    directory: Counts
    seconds: float
    """How long asking takes at most: a renewal interval."""

    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.promises"))

    async def ask(self, asked: PromiseAsked) -> Answers:
        """What every other master says; it takes no longer than *seconds*, and never raises.

        A master that was removed counts as long as its key is pinned here.
        """
        promises = list[Promise]()
        try:
            async with asyncio.timeout(self.seconds):
                known, epoch = await self.directory.masters()
                others = (known | self.trust.masters.keys()) - {self.node}
                await asyncio.gather(*(self._one(node, asked, promises) for node in others))
        except StoreUnavailable as error:
            self._log.debug("who had to promise is not known: %s", error)
            return Answers(asked.number)
        except TimeoutError:
            return Answers(asked.number)
        return Answers(asked.number, frozenset(others), epoch, tuple(promises))

    async def _one(self, node: NodeId, asked: PromiseAsked, promises: list[Promise]) -> None:
        question = AskPromise(
            node=node,
            holder=asked.holder,
            instance=asked.instance,
            number=asked.number,
            epoch=asked.epoch,
            ttl=asked.ttl,
            margin=asked.margin,
        )
        try:
            answer = await self.publisher.ask(question, timeout_seconds=self.seconds * RESERVE)
        except MeridianError as error:
            self._log.debug("%s promised nothing: %s", node, error.message)
            return
        if answer.node != node or not self._is_signed(answer):
            self._log.error("what %s is said to have promised is not signed by it", node)
            return
        if answer.refusal:
            self._log.debug("%s promised nothing: %s", node, answer.refusal)
        promises.append(Promise(_asked(answer), node, answer.largest, answer.refusal))

    def _is_signed(self, answer: PromiseDecided) -> bool:
        return self.trust.verify_hex(answer.node, answer.signature, answer.promise_bytes())


@dataclass(frozen=True)
class Word:
    """This master's own promises."""

    giver: Giver
    bucket: Probes
    key: NodeKey
    trust: TrustStore
    clock: Clock

    async def give(self, question: AskPromise) -> PromiseDecided:
        """Promise not to act for a while, or say why not; the answer is signed either way."""
        asked = _asked(question)
        could_write = await self.bucket.probe()
        promise = self.giver.decide(asked, self.clock.now(), could_write=could_write)
        decided = PromiseDecided(
            node=promise.node,
            holder=asked.holder,
            instance=asked.instance,
            number=asked.number,
            epoch=asked.epoch,
            ttl=asked.ttl,
            margin=asked.margin,
            largest=promise.largest,
            refusal=promise.refusal,
        )
        signature = self.key.sign(decided.promise_bytes()).hex()
        return decided.model_copy(update={"signature": signature})


def _asked(said: AskPromise | PromiseDecided) -> PromiseAsked:
    """The request as the cores know it."""
    who = said.holder, said.instance
    return PromiseAsked(said.number, said.epoch, *who, said.ttl, said.margin)
