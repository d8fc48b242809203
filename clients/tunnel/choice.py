"""Decides which READY path the tunnel uses; only the representative's end asks.

Paths are in order of preference. The best one is taken as soon as it is READY; another one when
the better ones are known to be unreachable, or have had `patience_seconds` since the first path
was READY. A path that was lost and is READY again is as good as before.
"""

from collections.abc import Iterable

from shared.domain.ids import Instant, PathGeneration


class PathChoice:
    """The paths of one session: their order, and which are READY or unreachable."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._order: list[PathGeneration] = []
        self._unreachable: set[PathGeneration] = set()
        self._ready: dict[PathGeneration, Instant] = {}
        self._next_pick_at: Instant | None = None

    def prefer(self, order: Iterable[PathGeneration]) -> None:
        """Set the paths of the session, best first."""
        self._order = list(order)

    def mark_unreachable(self, generation: PathGeneration) -> None:
        """Record that the last try to reach the path failed: there is no use in waiting for it."""
        self._unreachable.add(generation)

    def mark_ready(self, generation: PathGeneration, now: Instant) -> None:
        self._unreachable.discard(generation)
        self._ready[generation] = now

    def mark_gone(self, generation: PathGeneration) -> None:
        """Record that the path is no longer READY; it may become READY again."""
        self._ready.pop(generation, None)

    def pick(
        self, now: Instant, better_than: PathGeneration | None = None
    ) -> PathGeneration | None:
        """The path to use from *now* on, if one is better than *better_than*."""
        self._next_pick_at = None
        bar = len(self._order) + 1 if better_than is None else self.rank(better_than)
        ready = [each for each in self._ready if self.rank(each) < bar]
        if not ready:
            return None
        best = min(ready, key=self.rank)
        until = Instant(min(self._ready[each] for each in ready) + self._patience_seconds)
        awaited = any(each not in self._unreachable for each in self._order[: self.rank(best)])
        if awaited and now < until:
            self._next_pick_at = until
            return None
        return best

    def deadline(self) -> Instant | None:
        """Return the moment when the last `pick` would have another result without a new fact."""
        return self._next_pick_at

    def rank(self, generation: PathGeneration) -> int:
        """The number of better paths; a path that was never offered is the worst."""
        return self._order.index(generation) if generation in self._order else len(self._order)
