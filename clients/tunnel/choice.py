"""Decides which of the paths that are READY the tunnel takes; only the representative's end asks.

Paths are in order of preference. The best one is taken as soon as it is READY; another one when
the better ones are known to be unreachable, or have had `patience_seconds` since the first path
was READY. A path that answered an earlier question is no worse for having been lost since.
"""

from collections.abc import Iterable

from shared.domain.ids import Instant, PathGeneration


class Choice:
    """The paths of one session, as the chooser sees them."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._order: list[PathGeneration] = []
        self._unreachable: set[PathGeneration] = set()
        self._ready: dict[PathGeneration, Instant] = {}
        self._asks_again_at: Instant | None = None

    def prefer(self, order: Iterable[PathGeneration]) -> None:
        """The paths there are, best first."""
        self._order = list(order)

    def unreachable(self, generation: PathGeneration) -> None:
        """The last try to reach the path failed; waiting for it is no use."""
        self._unreachable.add(generation)

    def ready(self, generation: PathGeneration, now: Instant) -> None:
        self._unreachable.discard(generation)
        self._ready[generation] = now

    def gone(self, generation: PathGeneration) -> None:
        """The path is not READY any more; it may become so again."""
        self._ready.pop(generation, None)

    def pick(
        self, now: Instant, better_than: PathGeneration | None = None
    ) -> PathGeneration | None:
        """The path to take at *now*, if any is *better_than* the one that there is."""
        self._asks_again_at = None
        bar = len(self._order) + 1 if better_than is None else self.rank(better_than)
        ready = [each for each in self._ready if self.rank(each) < bar]
        if not ready:
            return None
        best = min(ready, key=self.rank)
        until = Instant(min(self._ready[each] for each in ready) + self._patience_seconds)
        awaited = any(each not in self._unreachable for each in self._order[: self.rank(best)])
        if awaited and now < until:
            self._asks_again_at = until
            return None
        return best

    def deadline(self) -> Instant | None:
        """When the last `pick` would answer otherwise without a new fact."""
        return self._asks_again_at

    def rank(self, generation: PathGeneration) -> int:
        """How many paths are better; a path that nobody offered is worse than all."""
        return self._order.index(generation) if generation in self._order else len(self._order)
