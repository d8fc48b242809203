"""Requests the promises of all other masters for the primary, within one renewal interval.

A vote that is not signed with its master's own key does not count, whoever sent it. The core
decides what the votes are worth.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.failover_monitor.core.facts import VotesCollected
from shared.crypto.nodekeys import TrustStore
from shared.domain.errors import MeridianError, StoreUnavailable
from shared.domain.ids import Epoch, NodeId
from shared.events.failover import PromiseTerms, PromiseVote, RequestPromise
from shared.messaging.ports import Asks

RESERVE: Final = 0.8
"""The share of the time that a single vote may take; the rest is for counting the votes."""


class ReadsMasters(Protocol):
    """Reads which masters the own database names, and up to which epoch it is."""

    async def read_masters(self) -> tuple[frozenset[NodeId], Epoch]: ...


@dataclass(frozen=True)
class VoteCollector:
    """Requests the promise of every other master."""

    node: NodeId
    trust: TrustStore
    publisher: Asks
    database: ReadsMasters
    seconds: float
    """The time limit of one request: a renewal interval."""

    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.promises"))

    async def collect(self, terms: PromiseTerms) -> VotesCollected:
        """Request every vote on *terms*; takes no longer than *seconds*, and never raises.

        A master that was removed has to vote as long as its key is pinned here.
        """
        votes = list[PromiseVote]()
        try:
            async with asyncio.timeout(self.seconds):
                known, epoch = await self.database.read_masters()
                others = (known | self.trust.masters.keys()) - {self.node}
                await asyncio.gather(*(self._request(node, terms, votes) for node in others))
        except StoreUnavailable as error:
            self._log.debug("the masters that have to promise are not known: %s", error)
            return VotesCollected(terms.number)
        except TimeoutError:
            return VotesCollected(terms.number)
        return VotesCollected(terms.number, frozenset(others), epoch, tuple(votes))

    async def _request(self, node: NodeId, terms: PromiseTerms, votes: list[PromiseVote]) -> None:
        request = RequestPromise(node=node, terms=terms)
        try:
            vote = await self.publisher.ask(request, timeout_seconds=self.seconds * RESERVE)
        except MeridianError as error:
            self._log.debug("%s did not vote: %s", node, error.message)
            return
        if vote.node != node or not self._is_signed(vote):
            self._log.error("a vote in the name of %s is not signed by it", node)
            return
        if vote.refusal:
            self._log.debug("%s promised nothing: %s", node, vote.refusal)
        votes.append(vote)

    def _is_signed(self, vote: PromiseVote) -> bool:
        return self.trust.verify_hex(vote.node, vote.signature, vote.promise_bytes())
