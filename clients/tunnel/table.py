"""Owns the links of one end: which one is followed, and which one is the candidate.

At most one link is followed. The end that leads has at most one candidate: a link on which it has
started, and which is not followed yet. A candidate that does not answer in time and a followed link
that falls silent are overdue; links that were not chosen yet may be silent. The tunnel has a path
while the link that it follows is up.
"""

from collections.abc import Iterable

from clients.tunnel.choice import PathChoice
from clients.tunnel.effects import CloseLink, Effect, LinkId, PathLost, PathUp
from clients.tunnel.links import LinkTiming, TunnelLink
from clients.tunnel.resume import RecordKeys
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


class LinkTable:
    """The links of one end; closing one adds an effect to *effects*."""

    def __init__(self, side: Side, timing: LinkTiming, effects: list[Effect], now: Instant) -> None:
        self.choice = PathChoice(timing.choice_seconds)
        self.followed: TunnelLink | None = None
        self._side = side
        self._timing = timing
        self._effects = effects
        self._links: dict[LinkId, TunnelLink] = {}
        self._candidate: TunnelLink | None = None
        self._candidate_deadline: Instant | None = None
        self._was_up = False
        self._lost_at: Instant | None = now

    def __len__(self) -> int:
        return len(self._links)

    def get(self, link_id: LinkId) -> TunnelLink | None:
        return self._links.get(link_id)

    def all(self) -> list[TunnelLink]:
        return list(self._links.values())

    def add(self, link: TunnelLink) -> None:
        """Add a READY link; an older link over the same path is dropped."""
        self.drop(self._links_over(link.generation), link.received_at)
        self._links[link.id] = link
        self.choice.mark_ready(link.generation, link.received_at)

    def close(self, links: Iterable[TunnelLink]) -> None:
        """Forget *links* and have them closed; links that are closed already are ignored."""
        for link in [each for each in links if each.id in self._links]:
            del self._links[link.id]
            self.choice.mark_gone(link.generation)
            self._effects.append(CloseLink(link.id))
            if self._candidate is link:
                self._candidate = None
            if self.followed is link:
                self.followed = None

    def drop(self, links: Iterable[TunnelLink], now: Instant) -> None:
        """Drop lost *links*; with the one that is followed the path is lost."""
        followed = self.followed
        self.close(links)
        if followed is not None and self.followed is None and self._lost_at is None:
            self._lost_at = now
            self._effects.append(PathLost(followed.generation))

    def mark_up(self, link: TunnelLink, now: Instant) -> None:
        """Mark the followed *link* as up, and close the others, which are not needed any more."""
        assert link is self.followed, "a link that is not followed came up"
        link.is_up = True
        seconds = 0.0 if self._lost_at is None or not self._was_up else now - self._lost_at
        self._lost_at = None
        self._was_up = True
        self._effects.append(PathUp(link.generation, link.attempt, seconds))
        self.close([each for each in self._links.values() if each is not link])

    def choose_candidate(self, now: Instant) -> TunnelLink | None:
        """Choose a link to start on, if one is better than the link that is followed."""
        if self._candidate is not None:
            return None
        self._close_worse()
        present = None if self.followed is None else self.followed.generation
        generation = self.choice.pick(now, present)
        if generation is None:
            return None
        (self._candidate,) = self._links_over(generation)
        self._candidate_deadline = Instant(now + self._timing.lost_seconds)
        return self._candidate

    def follow(self, link: TunnelLink, keys: RecordKeys, attempt: int) -> None:
        """Follow *link* from now on; the one before stays open, ignored, until *link* is up."""
        assert link.id in self._links, "a closed link cannot be followed"
        self._candidate = None
        self.followed = link
        link.set_keys(keys, self._side, attempt)

    def overdue(self, now: Instant) -> list[TunnelLink]:
        """List the links that were silent for too long."""
        late = [self.followed] if self.followed is not None else []
        late = [each for each in late if now >= each.received_at + self._timing.lost_seconds]
        if (
            self._candidate is not None
            and self._candidate_deadline is not None
            and now >= self._candidate_deadline
        ):
            late.append(self._candidate)
        return late

    def is_keepalive_due(self, now: Instant) -> bool:
        """Say whether nothing was sent for the keepalive's time."""
        link = self.followed
        return link is not None and now >= link.sent_at + self._timing.keepalive_seconds

    def has_expired(self, now: Instant) -> bool:
        """Say whether there was no path for the whole window."""
        return self._lost_at is not None and now >= self._lost_at + self._timing.window_seconds

    def deadlines(self) -> list[Instant | None]:
        """Return when something becomes overdue, due to be sent, or worth choosing."""
        link, timing = self.followed, self._timing
        times = [self.choice.deadline() if self._candidate is None else self._candidate_deadline]
        if self._lost_at is not None:
            times.append(Instant(self._lost_at + timing.window_seconds))
        if link is not None:
            times.append(Instant(link.sent_at + timing.keepalive_seconds))
            times.append(Instant(link.received_at + timing.lost_seconds))
        return times

    def _links_over(self, generation: PathGeneration) -> list[TunnelLink]:
        """The links over one path: none or one."""
        return [link for link in self._links.values() if link.generation == generation]

    def _close_worse(self) -> None:
        """Close the links that are worse than the one that is up."""
        followed, rank = self.followed, self.choice.rank
        if followed is not None and followed.is_up:
            bar = rank(followed.generation)
            self.close([each for each in self._links.values() if rank(each.generation) > bar])
