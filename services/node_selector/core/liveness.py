"""Decides how a node fares by its relay's silence, and which master seems to be the primary.

A node is alive for selection while its relay speaks: then suspect, then dead, by the site's timing.
What masters say of their role is a hint for the fallback only; it never decides who is primary.

A relay that is heard again after it was taken for dead has *come back*: it gets its share by and
by. One that this replica just had not listened for long enough to miss has not; and when nobody at
all was heard for so long, it was the replica that was deaf (`deaf_seconds`), not every node dead.
"""

from dataclasses import dataclass

from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness, liveness_after
from shared.domain.primary import PrimaryClaim, apparent_primary


@dataclass(frozen=True, slots=True)
class Load:
    """What a relay last said of itself."""

    sessions: int
    draining: bool
    version: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A node's relay as this replica sees it now."""

    liveness: Liveness
    silent_seconds: float
    load: Load


@dataclass(frozen=True, slots=True)
class Word:
    """A relay's last word, when it came, and since when the relay is back, if it was away."""

    load: Load
    at: Instant
    back_at: Instant | None


class LiveState:
    """The last word of every relay, and of every master that called itself primary."""

    def __init__(self) -> None:
        self._words: dict[NodeId, Word] = {}
        self._in_turn: dict[NodeId, Instant] = {}
        self._listening_since: Instant | None = None
        self._last: Instant | None = None
        self._primary: PrimaryClaim | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no relay was heard since the start: then nothing can be said of any node."""
        return not self._words

    @property
    def primary(self) -> NodeId | None:
        """The master that last called itself primary, in the largest epoch."""
        return self._primary.node if self._primary is not None else None

    def relay_spoke(
        self, node: NodeId, load: Load, now: Instant, dead_after_seconds: float = 3.0
    ) -> Word:
        """Note a relay's word; what is known of it from now on."""
        if self._last is None or now - self._last >= dead_after_seconds:
            self._listening_since = now
        self._last = now
        before = self._words.get(node)
        if before is not None and now - before.at < dead_after_seconds:
            back_at = before.back_at
        else:
            back_at = now if self._has_listened(now, dead_after_seconds) else None
        self._words[node] = word = Word(load, now, back_at)
        self._in_turn.pop(node, None)
        self._in_turn[node] = now
        return word

    def master_spoke(self, node: NodeId, epoch: Epoch, *, is_primary: bool) -> None:
        if is_primary:
            known = () if self._primary is None else (self._primary,)
            self._primary = apparent_primary((*known, PrimaryClaim(node, epoch)))

    def word(self, node: NodeId) -> Word | None:
        return self._words.get(node)

    def is_silent(self, node: NodeId) -> bool:
        """Whether *node* was heard and has been named by `fallen_silent` since."""
        return node in self._words and node not in self._in_turn

    def fallen_silent(self, now: Instant, suspect_after_seconds: float) -> list[NodeId]:
        """Who fell silent since this was asked last; it costs nothing when nobody did."""
        silent: list[NodeId] = []
        for node, at in self._in_turn.items():
            if now - at < suspect_after_seconds:
                break
            silent.append(node)
        for node in silent:
            del self._in_turn[node]
        return silent

    def deaf_seconds(self, now: Instant, dead_after_seconds: float) -> float | None:
        """For how long nobody at all was heard, once that is too long to be chance."""
        if self._last is None or now - self._last < dead_after_seconds:
            return None
        return now - self._last

    def seen(self, node: NodeId, timing: Timing, now: Instant) -> Seen | None:
        """How *node*'s relay fares; None when it was never heard."""
        word = self._words.get(node)
        if word is None:
            return None
        liveness = liveness_after(
            now - word.at,
            suspect_after_seconds=timing.suspect_after_seconds,
            dead_after_seconds=timing.dead_after_seconds,
        )
        return Seen(liveness, now - word.at, word.load)

    def _has_listened(self, now: Instant, dead_after_seconds: float) -> bool:
        since = self._listening_since
        return since is not None and now - since > dead_after_seconds
