"""What must be done so that the site's address leads to this master, and when it is tried again.

The only input is the wish: where the address should lead and how, or nothing while this master is
not primary. A wish is fulfilled once and stays fulfilled for its epoch, also when the lease ran out
for a moment and was resumed; a new epoch or another setting is another wish. Where a method names
`again_seconds`, its wish is fulfilled anew that often: what an old primary did belatedly does not
stand, and what only lasts for a while lasts on; when it is over it is released. What fails is tried
again for ever, after 1, 2, 4 seconds and so on, at most a minute apart:
an operator may repair what refuses. Keeps two laws: at most one attempt is under way, and an
attempt for a wish that is over is stopped, so that an old primary does not lead the address back
to itself.
"""

from dataclasses import dataclass
from typing import Final

from shared.documents.redirection import Redirection
from shared.domain.backoff import Backoff
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.redirection import RedirectionState

ATTEMPTS: Final = Backoff(first_seconds=1.0, longest_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """The address of *site* shall lead to *node*, the primary of *epoch*, by *setting*."""

    site: str
    node: NodeId
    epoch: Epoch
    setting: Redirection
    gateway_url: str = ""
    again_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Fulfil *wish*, and answer `ended` in any case."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Stop:
    """End the attempt under way; its `ended` is still awaited."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give up what was held for *wish*; nobody waits for it, what is held ends by itself too."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Standing:
    """How the redirection stands; *attempts* failed since it was last done, for *cause*."""

    state: RedirectionState = RedirectionState.NONE
    epoch: Epoch = Epoch(0)
    attempts: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """It stands otherwise than before."""

    before: Standing
    after: Standing
    wish: Wish | None


Effect = Attempt | Stop | Release | Tell


class Redirecting:
    """The site's address as this master leads it."""

    def __init__(self) -> None:
        self.standing = Standing()
        self._wish: Wish | None = None
        self._fulfilled: Wish | None = None
        self._trying: Wish | None = None
        self._stopped = False
        self._next_at = Instant(0.0)

    def wished(self, wish: Wish | None, now: Instant) -> tuple[Effect, ...]:
        """Where the address should lead; None while that is not this master's affair."""
        if wish == self._wish:
            return ()
        ended = self._stop() + self._release()
        self._wish, self._next_at = wish, now
        if wish is None:
            return ended + self._stands(Standing())
        is_done = wish == self._fulfilled
        state = RedirectionState.DONE if is_done else RedirectionState.PENDING
        return ended + self._stands(Standing(state, wish.epoch))

    def tick(self, now: Instant) -> tuple[Effect, ...]:
        """Time passed."""
        due_at = self.deadline()
        if self._wish is None or due_at is None or now < due_at:
            return ()
        self._trying, self._stopped = self._wish, False
        return (Attempt(self._wish),)

    def ended(self, cause: str | None, now: Instant) -> tuple[Effect, ...]:
        """The attempt is over: it failed for *cause*, or led the address here."""
        tried, self._trying = self._trying, None
        assert tried is not None, "an attempt was under way"
        if cause is None:
            self._fulfilled = tried
        elif tried == self._fulfilled and not self._stopped:
            self._fulfilled = None
        if tried != self._wish or (cause is not None and self._stopped):
            return ()
        attempts = self.standing.attempts + 1
        if cause is None:
            self._next_at = Instant(now + (tried.again_seconds or 0.0))
            return self._stands(Standing(RedirectionState.DONE, tried.epoch))
        self._next_at = Instant(now + ATTEMPTS.pause_seconds(attempts))
        return self._stands(Standing(RedirectionState.FAILING, tried.epoch, attempts, cause))

    def deadline(self) -> Instant | None:
        """When `tick` has something to do; None while nothing is to be done or one is at it."""
        wish = self._wish
        if wish is None or self._trying is not None:
            return None
        if wish == self._fulfilled and wish.again_seconds is None:
            return None
        return self._next_at

    def describe(self) -> str:
        standing = self.standing
        why = f": {standing.cause}" if standing.cause else ""
        return f"{standing.state} in epoch {standing.epoch}, {standing.attempts} attempts{why}"

    def _stop(self) -> tuple[Effect, ...]:
        if self._trying is None or self._stopped:
            return ()
        self._stopped = True
        return (Stop(),)

    def _release(self) -> tuple[Effect, ...]:
        wish = self._wish
        if wish is None or wish.again_seconds is None:
            return ()
        return (Release(wish),) if wish in (self._fulfilled, self._trying) else ()

    def _stands(self, standing: Standing) -> tuple[Effect, ...]:
        """Note *standing*; told when more has changed than the number of attempts."""
        before, self.standing = self.standing, standing
        told = before.state, before.epoch, before.cause
        if told == (standing.state, standing.epoch, standing.cause):
            return ()
        return (Tell(before, standing, self._wish),)
