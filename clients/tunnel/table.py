"""Owns which links there are, which one is followed and which one was asked to be.

At most one link is followed and at most one is asked, by the end that leads. An asked link that
does not answer in time and a followed link that falls silent are overdue; links that nobody
chose yet may be silent for as long as they like. The tunnel has a path while the link that it
follows is up.
"""

from collections.abc import Iterable

from clients.tunnel.choice import Choice
from clients.tunnel.effects import CloseLink, Effect, LinkId, PathLost, PathUp
from clients.tunnel.links import Link, Timing
from clients.tunnel.resume import RecordKeys
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


class LinkTable:
    """The links of one end; closing one is an effect in *out*."""

    def __init__(self, side: Side, timing: Timing, out: list[Effect], now: Instant) -> None:
        self.choice = Choice(timing.choice_seconds)
        self.followed: Link | None = None
        self._side = side
        self._timing = timing
        self._out = out
        self._links: dict[LinkId, Link] = {}
        self._asked: Link | None = None
        self._asked_until: Instant | None = None
        self._was_up = False
        self._lost_at: Instant | None = now

    def __len__(self) -> int:
        return len(self._links)

    def get(self, link_id: LinkId) -> Link | None:
        return self._links.get(link_id)

    def all(self) -> list[Link]:
        return list(self._links.values())

    def add(self, link: Link) -> None:
        """A link is READY; an older one over the same path is dead by that."""
        self.drop(self._over(link.generation), link.heard)
        self._links[link.id] = link
        self.choice.ready(link.generation, link.heard)

    def close(self, links: Iterable[Link]) -> None:
        """Forget *links* and have them closed; those that are closed already stay so."""
        for link in [each for each in links if each.id in self._links]:
            del self._links[link.id]
            self.choice.gone(link.generation)
            self._out.append(CloseLink(link.id))
            if self._asked is link:
                self._asked = None
            if self.followed is link:
                self.followed = None

    def drop(self, links: Iterable[Link], now: Instant) -> None:
        """*links* are lost; if the one that was followed is among them, so is the path."""
        followed = self.followed
        self.close(links)
        if followed is not None and self.followed is None and self._lost_at is None:
            self._lost_at = now
            self._out.append(PathLost(followed.generation))

    def came_up(self, link: Link, now: Instant) -> None:
        """The other end said on *link* where to go on: the others are not needed any more."""
        assert link is self.followed, "a link that is not followed came up"
        link.is_up = True
        seconds = 0.0 if self._lost_at is None or not self._was_up else now - self._lost_at
        self._lost_at = None
        self._was_up = True
        self._out.append(PathUp(link.generation, link.attempt, seconds))
        self.close([each for each in self._links.values() if each is not link])

    def ask_best(self, now: Instant) -> Link | None:
        """The link to begin on now, if there is one that is better than the one followed."""
        if self._asked is not None:
            return None
        self._close_worse()
        present = None if self.followed is None else self.followed.generation
        generation = self.choice.pick(now, present)
        if generation is None:
            return None
        (self._asked,) = self._over(generation)
        self._asked_until = Instant(now + self._timing.lost_seconds)
        return self._asked

    def follow(self, link: Link, keys: RecordKeys, attempt: int) -> None:
        """Follow *link* from now on; the one before stays open, unheard, until *link* is up."""
        assert link.id in self._links, "a closed link cannot be followed"
        self._asked = None
        self.followed = link
        link.take_keys(keys, self._side, attempt)

    def overdue(self, now: Instant) -> list[Link]:
        """Links that said nothing for too long."""
        late = [self.followed] if self.followed is not None else []
        late = [each for each in late if now >= each.heard + self._timing.lost_seconds]
        if self._asked is not None and self._asked_until is not None and now >= self._asked_until:
            late.append(self._asked)
        return late

    def is_due_to_speak(self, now: Instant) -> bool:
        """Whether the other end has heard nothing of this one for the keepalive's time."""
        link = self.followed
        return link is not None and now >= link.spoke + self._timing.keepalive_seconds

    def has_expired(self, now: Instant) -> bool:
        """Whether there was no path for longer than anybody waits."""
        return self._lost_at is not None and now >= self._lost_at + self._timing.window_seconds

    def deadlines(self) -> list[Instant | None]:
        """When something becomes overdue, due to be said, or worth choosing."""
        link, timing = self.followed, self._timing
        times = [self.choice.deadline() if self._asked is None else self._asked_until]
        if self._lost_at is not None:
            times.append(Instant(self._lost_at + timing.window_seconds))
        if link is not None:
            times.append(Instant(link.spoke + timing.keepalive_seconds))
            times.append(Instant(link.heard + timing.lost_seconds))
        return times

    def _over(self, generation: PathGeneration) -> list[Link]:
        """The links over one path: none or one."""
        return [link for link in self._links.values() if link.generation == generation]

    def _close_worse(self) -> None:
        """While a path is up, only a better one is of interest."""
        followed, rank = self.followed, self.choice.rank
        if followed is not None and followed.is_up:
            bar = rank(followed.generation)
            self.close([each for each in self._links.values() if rank(each.generation) > bar])
