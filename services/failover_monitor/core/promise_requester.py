"""Decides for the primary when to request failsafe promises, and what votes are worth.

While the bucket gives no answer, as in an election among its servers, the primary keeps its role
until `sent_at(request) + ttl - margin` on the promise of every other master. A promise only ever
*keeps* a role. A role whose lease ran out goes on by a compare-and-set alone: another process of
some master may have acted in between, and may be gone again with all that it knew.

Which masters have to promise is read after the request was decided, from a database that has the
beginning of this very epoch. A master that is added later waits from its own start, and so until
after this role.

A vote is bound to the request that it answers: to its number, its epoch and the process that asks.
An old vote, or one that arrives twice, is worth nothing.
"""

from dataclasses import dataclass

from services.failover_monitor.core.facts import VotesCollected, WriteFailure
from services.failover_monitor.core.record import Holder
from services.failover_monitor.core.timing import NEVER, Timing
from shared.domain.ids import Epoch, Instant
from shared.events.failover import PromiseTerms, PromiseVote


@dataclass(frozen=True, slots=True)
class VoteCount:
    """The votes that count; *promised_at* is when the request was sent, if every master promised.

    A promise protects the role from that time on, not from when the vote arrived.
    """

    votes: tuple[PromiseVote, ...] = ()
    promised_at: Instant | None = None


class PromiseRequester:
    """The silence of the bucket, and the request for promises that is open."""

    def __init__(self, holder: Holder, timing: Timing) -> None:
        self._holder = holder
        self._timing = timing
        self._is_bucket_silent = False
        self._open: PromiseTerms | None = None
        self._requested_at = Instant(0.0)
        self._count = 0

    def record_write(self, outcome: int | WriteFailure) -> None:
        """Note how a compare-and-set ended; one that lost is an answer of the bucket, too."""
        self._is_bucket_silent = outcome is WriteFailure.UNKNOWN

    def due_at(self, valid_until: Instant) -> Instant:
        """Return when to request promises for a role that ends at *valid_until*; possibly never.

        The first request leaves time for two more; the next follows one renewal interval later.
        """
        if not self._is_bucket_silent or self._open is not None:
            return NEVER
        again = self._requested_at + self._timing.renew_seconds
        urgent = valid_until - self._timing.request_seconds
        return Instant(max(again, urgent))

    def skip(self, now: Instant) -> None:
        """Request nothing now: the role is over, or is being handed over."""
        self._requested_at = now

    def open_request(self, epoch: Epoch, now: Instant) -> PromiseTerms:
        """Begin the next request, for the role of *epoch*."""
        self._requested_at = now
        self._count += 1
        self._open = PromiseTerms(
            holder=self._holder.node,
            instance=self._holder.instance,
            number=self._count,
            epoch=epoch,
            ttl=self._timing.ttl_seconds,
            margin=self._timing.margin_seconds,
        )
        return self._open

    def count(self, collected: VotesCollected, epoch: Epoch) -> VoteCount:
        """Close the open request; votes to any other request are worth nothing."""
        terms = self._open
        if terms is None or collected.number != terms.number:
            return VoteCount()
        self._open = None
        votes = tuple(vote for vote in collected.votes if vote.terms == terms)
        promised = {vote.node for vote in votes if not vote.refusal}
        if not self._decides(terms, collected, epoch):
            return VoteCount(votes)
        if not promised >= (collected.masters or frozenset()):
            return VoteCount(votes)
        return VoteCount(votes, self._requested_at)

    def _decides(self, terms: PromiseTerms, collected: VotesCollected, epoch: Epoch) -> bool:
        """Say whether the bucket is still silent, and it is known who had to promise."""
        is_known = collected.masters is not None and collected.epoch == terms.epoch
        return is_known and self._is_bucket_silent and epoch == terms.epoch
