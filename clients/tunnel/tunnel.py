"""One end of a tunnel: every fact that it is told, and what it wants done.

An end has any number of READY links and follows one of them. The representative's end chooses
(`choice`), and only when it has no link or a better path; the customer's end follows. **A closed
connection, a silent one and a corrupted one are lost paths; only END ends the tunnel**, or a peer
that proved itself and then broke a rule. When a path is up the other links are closed: the ends
wait at all paths only while they have none.
"""

from collections.abc import Iterable

from clients.tunnel.choice import Choice
from clients.tunnel.conversation import Conversation, claim_in, farewell, farewell_in
from clients.tunnel.effects import (
    CloseLink,
    Effect,
    Effects,
    EndCode,
    Ended,
    LinkId,
    PathLost,
    PathUp,
    Send,
)
from clients.tunnel.exchange import Credentials, Entropy
from clients.tunnel.frames import BadFrame, Kind
from clients.tunnel.handshake import Following, Leading, Step
from clients.tunnel.links import Link, Timing
from clients.tunnel.outbox import BadClaim
from clients.tunnel.records import BadRecord
from clients.tunnel.streams import BadStream, Streams
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


class Tunnel:
    """One end; `streams` holds the verbs of its program, to be followed by `flush`."""

    def __init__(
        self,
        side: Side,
        credentials: Credentials,
        entropy: Entropy,
        now: Instant,
        timing: Timing | None = None,
    ) -> None:
        self._side = side
        self._timing = timing or Timing()
        leads = side is Side.REPRESENTATIVE
        self._leading = Leading(credentials, entropy) if leads else None
        self._handshake = self._leading or Following(credentials, entropy)
        self._conversation = Conversation(side, self._timing.ack_seconds)
        self._choice = Choice(self._timing.choice_seconds)
        self._links: dict[LinkId, Link] = {}
        self._followed: Link | None = None
        self._asked: tuple[LinkId, Instant] | None = None
        self._was_up = False
        self._lost_at: Instant | None = now
        self._leave_at: Instant | None = None
        self._farewell = ""
        self._ended = False
        self._out: list[Effect] = []

    @property
    def streams(self) -> Streams:
        return self._conversation.streams

    def prefer(self, order: Iterable[PathGeneration], now: Instant) -> Effects:
        """The session's paths, best first."""
        self._choice.prefer(order)
        return self._done(now)

    def path_unreachable(self, generation: PathGeneration, now: Instant) -> Effects:
        """The last try to get a link over this path failed."""
        self._choice.unreachable(generation)
        return self._done(now)

    def link_ready(self, link_id: LinkId, generation: PathGeneration, now: Instant) -> Effects:
        """A relay said READY; an older link over the same path is dead by that."""
        for old in [each for each in self._links.values() if each.generation == generation]:
            self._drop(old, now)
        self._links[link_id] = Link(link_id, generation, heard=now, spoke=now)
        self._choice.ready(generation, now)
        if self._ended:
            self._close(self._links[link_id])
        return self._done(now)

    def link_received(self, link_id: LinkId, data: bytes, now: Instant) -> Effects:
        """Bytes came, cut anywhere."""
        link = self._links.get(link_id)
        if link is not None:
            try:
                for kind, payload in link.hear(data, now):
                    self._on_frame(link, kind, payload, now)
                    if link_id not in self._links:
                        break
            except (BadFrame, BadRecord):
                self._drop(link, now)
        return self._done(now)

    def link_blocked(self, link_id: LinkId, now: Instant, *, blocked: bool) -> Effects:
        """The link takes no more bytes for now, or again."""
        link = self._links.get(link_id)
        if link is not None:
            link.is_blocked = blocked
        return self._done(now)

    def link_lost(self, link_id: LinkId, now: Instant) -> Effects:
        """The connection is gone, whatever the reason."""
        link = self._links.get(link_id)
        if link is not None:
            self._drop(link, now)
        return self._done(now)

    def flush(self, now: Instant) -> Effects:
        """Send what the streams' verbs have left."""
        return self._done(now)

    def close(self, message: str, now: Instant) -> Effects:
        """End the tunnel after what was sent; `Ended` follows, at the latest after the linger."""
        if self._leave_at is None:
            self._conversation.say_farewell(EndCode.CLOSED, message)
            self._farewell = message
            waits = self._timing.linger_seconds if self._handshake.is_secured else 0.0
            self._leave_at = Instant(now + waits)
        return self._done(now)

    def tick(self, now: Instant) -> Effects:
        """Time passed."""
        followed, timing = self._followed, self._timing
        if followed is not None and now >= followed.heard + timing.lost_seconds:
            self._drop(followed, now)
        elif followed is not None and now >= followed.spoke + timing.keepalive_seconds:
            self._out.append(followed.say(self._conversation.position(), now))
        if self._asked is not None and now >= self._asked[1]:
            self._drop(self._links[self._asked[0]], now)
        if self._lost_at is not None and now >= self._lost_at + timing.window_seconds:
            message = "no path came back in time; open a new session"
            self._end(Ended(EndCode.EXPIRED, message, by_peer=False))
        return self._done(now)

    def deadline(self) -> Instant | None:
        """When `tick` has something to do without a new fact."""
        if self._ended:
            return None
        times: list[float | None] = [self._leave_at]
        if self._lost_at is not None:
            times.append(self._lost_at + self._timing.window_seconds)
        if self._asked is not None:
            times.append(self._asked[1])
        else:
            times.append(self._choice.deadline())
        if self._followed is not None:
            times.append(self._followed.heard + self._timing.lost_seconds)
            times.append(self._followed.spoke + self._timing.keepalive_seconds)
            times.append(self._conversation.ack_at)
        return Instant(min(each for each in times if each is not None))

    def describe(self) -> str:
        followed = self._followed
        where = "no path" if followed is None else f"path {followed.generation}"
        outbox = self._conversation.outbox
        return (
            f"{self._side}: {where}, {len(self._links)} links, {len(self.streams)} streams, "
            f"sent {outbox.sent}, acknowledged {outbox.acknowledged}, "
            f"received {self._conversation.received}"
        )

    def _done(self, now: Instant) -> Effects:
        """Everything that follows from the facts so far."""
        if not self._ended:
            self._choose(now)
            self._speak(now)
            self._leave_in_time(now)
        effects, self._out = tuple(self._out), []
        return effects

    def _choose(self, now: Instant) -> None:
        """Begin on the best link, if this end leads and has none that is as good."""
        if self._leading is None or self._asked is not None:
            return
        self._close_worse()
        followed = self._followed
        generation = self._choice.pick(now, None if followed is None else followed.generation)
        if generation is not None:
            link = next(each for each in self._links.values() if each.generation == generation)
            self._asked = (link.id, Instant(now + self._timing.lost_seconds))
            self._out.append(Send(link.id, self._leading.begin(link)))

    def _close_worse(self) -> None:
        """While a path is up, only a better one is of interest."""
        followed = self._followed
        if followed is None or not followed.is_up:
            return
        rank = self._choice.rank
        for link in list(self._links.values()):
            if link is not followed and rank(link.generation) > rank(followed.generation):
                self._close(link)

    def _speak(self, now: Instant) -> None:
        link = self._followed
        if link is None or not link.is_up:
            return
        if not link.is_blocked:
            for record in self._conversation.outgoing():
                self._out.append(link.say(record, now))
            self._out.extend(self.streams.writable())
        ack_at = self._conversation.ack_at
        if ack_at is not None and now >= ack_at:
            self._out.append(link.say(self._conversation.position(), now))

    def _leave_in_time(self, now: Instant) -> None:
        if self._leave_at is not None and now >= self._leave_at:
            self._end(Ended(EndCode.CLOSED, self._farewell, by_peer=False))

    def _on_frame(self, link: Link, kind: Kind, payload: memoryview, now: Instant) -> None:
        if kind is not Kind.RECORD:
            self._take(link, self._handshake.received(link, kind, bytes(payload)), now)
        elif link is self._followed and link.opener is not None:
            self._on_record(link, memoryview(link.opener.open(payload)), now)

    def _take(self, link: Link, step: Step, now: Instant) -> None:
        """Do what a plain frame led to."""
        if step.reply:
            self._out.append(Send(link.id, step.reply))
        for effect in step.effects:
            if isinstance(effect, Ended):
                self._end(effect)
            else:
                self._out.append(effect)
        if step.keys is not None:
            self._follow(link, step)
            self._out.append(link.say(self._conversation.position(), now))
        for each in self._links_to_drop(link, step):
            self._drop(each, now)

    def _links_to_drop(self, link: Link, step: Step) -> list[Link]:
        if step.drop_all:
            return list(self._links.values())
        return [link] if step.drop and link.id in self._links else []

    def _follow(self, link: Link, step: Step) -> None:
        """Follow *link* from now on; the one before stays open, unheard, until *link* is up."""
        assert step.keys is not None, "a link without keys cannot be followed"
        self._asked = None
        self._followed = link
        link.take_keys(step.keys, self._side, step.attempt)

    def _on_record(self, link: Link, record: memoryview, now: Instant) -> None:
        goodbye = farewell_in(record)
        try:
            if goodbye is not None:
                self._on_farewell(link, *goodbye, now)
            elif link.is_up:
                effect = self._conversation.take(record, now)
                if effect is not None:
                    self._out.append(effect)
            else:
                self._go_on(link, claim_in(record), now)
        except BadClaim as error:
            self._refuse(link, EndCode.BAD_OFFSET, f"the ends lost each other: {error}", now)
        except BadStream as error:
            self._refuse(link, EndCode.BAD_STREAM, f"the other end broke a rule: {error}", now)

    def _go_on(self, link: Link, claim: int | None, now: Instant) -> None:
        """The other end's first record on a new link says from where."""
        if claim is None:
            raise BadRecord
        self._conversation.begin(claim)
        link.is_up = True
        seconds = 0.0 if self._lost_at is None or not self._was_up else now - self._lost_at
        self._lost_at = None
        self._was_up = True
        self._out.append(PathUp(link.generation, link.attempt, seconds))
        for other in [each for each in self._links.values() if each is not link]:
            self._close(other)

    def _on_farewell(self, link: Link, code: EndCode, message: str, now: Instant) -> None:
        by_peer = self._leave_at is None
        if by_peer:
            self._out.append(link.say(farewell(code, message), now))
        self._end(Ended(code, message, by_peer=by_peer))

    def _refuse(self, link: Link, code: EndCode, message: str, now: Instant) -> None:
        """The peer proved itself and broke a rule: the tunnel cannot go on."""
        self._out.append(link.say(farewell(code, message), now))
        self._end(Ended(code, message, by_peer=False))

    def _end(self, ended: Ended) -> None:
        if not self._ended:
            self._ended = True
            self._out.append(ended)
            for link in list(self._links.values()):
                self._close(link)

    def _drop(self, link: Link, now: Instant) -> None:
        """The link is lost; if it was followed, so is the path."""
        self._close(link)
        if self._lost_at is None and self._followed is None and not self._ended:
            self._lost_at = now
            self._out.append(PathLost(link.generation))

    def _close(self, link: Link) -> None:
        del self._links[link.id]
        self._choice.gone(link.generation)
        self._out.append(CloseLink(link.id))
        if self._asked is not None and self._asked[0] == link.id:
            self._asked = None
        if self._followed is link:
            self._followed = None
