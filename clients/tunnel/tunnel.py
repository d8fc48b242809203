"""One end of a tunnel: every fact that it is told, and what it wants done.

An end has any number of READY links and follows one of them (`table`). The representative's end
chooses (`choice`), and only when it has no link or a better path; the customer's end follows.
**A closed connection, a silent one and a corrupted one are lost paths; only END ends the tunnel**,
or a peer that proved itself and then broke a rule. When a path is up the other links are closed:
the ends wait at all paths only while they have none.
"""

from collections.abc import Iterable

from clients.tunnel.conversation import Conversation, claim_in, farewell, farewell_in
from clients.tunnel.effects import (
    Effect,
    Effects,
    EndCode,
    Ended,
    LinkId,
    Send,
)
from clients.tunnel.exchange import Credentials, Entropy
from clients.tunnel.frames import BadFrame, Kind
from clients.tunnel.handshake import Following, Leading, Step
from clients.tunnel.links import Link, Timing
from clients.tunnel.outbox import PREFIX, BadClaim
from clients.tunnel.records import BadRecord
from clients.tunnel.streams import BadStream, Streams
from clients.tunnel.table import LinkTable
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
        self._out: list[Effect] = []
        self._table = LinkTable(side, self._timing, self._out, now)
        self._leave_at: Instant | None = None
        self._farewell = ""
        self._ended = False

    @property
    def streams(self) -> Streams:
        return self._conversation.streams

    def prefer(self, order: Iterable[PathGeneration], now: Instant) -> Effects:
        """The session's paths, best first."""
        self._table.choice.prefer(order)
        return self._done(now)

    def path_unreachable(self, generation: PathGeneration, now: Instant) -> Effects:
        """The last try to get a link over this path failed."""
        self._table.choice.unreachable(generation)
        return self._done(now)

    def link_ready(self, link_id: LinkId, generation: PathGeneration, now: Instant) -> Effects:
        """A relay said READY; an older link over the same path is dead by that."""
        link = Link(link_id, generation, heard=now, spoke=now)
        self._table.add(link)
        if self._ended:
            self._table.close([link])
        return self._done(now)

    def link_received(self, link_id: LinkId, data: bytes, now: Instant) -> Effects:
        """Bytes came, cut anywhere."""
        link = self._table.get(link_id)
        if link is not None:
            try:
                for kind, payload in link.hear(data, now):
                    self._on_frame(link, kind, payload, now)
                    if self._table.get(link_id) is None:
                        break
            except (BadFrame, BadRecord):
                self._table.drop([link], now)
        return self._done(now)

    def link_blocked(self, link_id: LinkId, now: Instant, *, blocked: bool) -> Effects:
        """The link takes no more bytes for now, or again."""
        link = self._table.get(link_id)
        if link is not None:
            link.is_blocked = blocked
        return self._done(now)

    def link_lost(self, link_id: LinkId, now: Instant) -> Effects:
        """The connection is gone, whatever the reason."""
        link = self._table.get(link_id)
        if link is not None:
            self._table.drop([link], now)
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
        self._table.drop(self._table.overdue(now), now)
        if self._table.is_due_to_speak(now):
            self._say(self._conversation.position(), now)
        if self._table.has_expired(now):
            message = "no path came back in time; open a new session"
            self._end(Ended(EndCode.EXPIRED, message, by_peer=False))
        return self._done(now)

    def deadline(self) -> Instant | None:
        """When `tick` has something to do without a new fact."""
        if self._ended:
            return None
        times = [self._leave_at, *self._table.deadlines()]
        if self._table.followed is not None:
            times.append(self._conversation.ack_at)
        return min(each for each in times if each is not None)

    def describe(self) -> str:
        followed = self._table.followed
        where = "no path" if followed is None else f"path {followed.generation}"
        outbox = self._conversation.outbox
        return (
            f"{self._side}: {where}, {len(self._table)} links, {len(self.streams)} streams, "
            f"sent {outbox.sent}, acknowledged {outbox.acknowledged}, "
            f"received {self._conversation.received}"
        )

    def _done(self, now: Instant) -> Effects:
        """Everything that follows from the facts so far."""
        if not self._ended:
            self._choose(now)
            self._speak(now)
        if self._leave_at is not None and now >= self._leave_at:
            self._end(Ended(EndCode.CLOSED, self._farewell, by_peer=False))
        effects = tuple(self._out)
        self._out.clear()
        return effects

    def _choose(self, now: Instant) -> None:
        """Begin on the best link, if this end leads and has none that is as good."""
        if self._leading is not None and (link := self._table.ask_best(now)) is not None:
            self._out.append(Send(link.id, self._leading.begin(link)))

    def _say(self, record: bytes, now: Instant) -> None:
        """Send *record* on the link that is followed."""
        assert self._table.followed is not None, "a record without a link"
        self._out.append(self._table.followed.say(record, now))

    def _speak(self, now: Instant) -> None:
        link = self._table.followed
        if link is not None and link.is_up:
            for record in self._conversation.outgoing(now, blocked=link.is_blocked):
                self._out.append(link.say(record, now))
            self._out.extend(self.streams.writable())

    def _on_frame(self, link: Link, kind: Kind, payload: memoryview, now: Instant) -> None:
        if kind is not Kind.RECORD:
            self._take(link, self._handshake.received(link, kind, bytes(payload)), now)
        elif link is self._table.followed and link.opener is not None:
            record = memoryview(link.opener.open(payload))
            if len(record) < PREFIX.size:
                raise BadRecord
            self._on_record(link, record, now)

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
            self._table.follow(link, step.keys, step.attempt)
            self._say(self._conversation.position(), now)
        if step.drop_all:
            self._table.drop(self._table.all(), now)
        elif step.drop:
            self._table.drop([link], now)

    def _on_record(self, link: Link, record: memoryview, now: Instant) -> None:
        goodbye = farewell_in(record)
        try:
            if goodbye is not None:
                self._on_farewell(*goodbye, now)
            elif link.is_up:
                effect = self._conversation.take(record, now)
                if effect is not None:
                    self._out.append(effect)
            else:
                self._conversation.begin(claim_in(record))
                self._table.came_up(link, now)
        except (BadClaim, BadStream) as error:
            code = EndCode.BAD_OFFSET if isinstance(error, BadClaim) else EndCode.BAD_STREAM
            self._refuse(code, f"the other end broke the tunnel's rules: {error}", now)

    def _on_farewell(self, code: EndCode, message: str, now: Instant) -> None:
        by_peer = self._leave_at is None
        if by_peer:
            self._say(farewell(code, message), now)
        self._end(Ended(code, message, by_peer=by_peer))

    def _refuse(self, code: EndCode, message: str, now: Instant) -> None:
        """The peer proved itself and broke a rule: the tunnel cannot go on."""
        self._say(farewell(code, message), now)
        self._end(Ended(code, message, by_peer=False))

    def _end(self, ended: Ended) -> None:
        if not self._ended:
            self._ended = True
            self._out.append(ended)
            self._table.close(self._table.all())
