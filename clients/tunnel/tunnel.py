"""One end of a tunnel: facts come in as method calls, effects go out.

An end has any number of READY links and follows one of them (`table`). The representative's end
chooses (`choice`), and only when it has no link or there is a better path; the customer's end
follows.
**A closed connection, a silent one and a corrupted one are lost paths; only END ends the tunnel**,
or a peer that proved itself and then broke a rule. When a path is up the other links are closed:
the ends wait at all paths only while they have none.
"""

from collections.abc import Iterable

from clients.tunnel.conversation import Conversation, decode_claim, decode_end, encode_end
from clients.tunnel.effects import (
    Effect,
    Effects,
    EndCode,
    Ended,
    LinkId,
    Send,
)
from clients.tunnel.exchange import Credentials, Entropy
from clients.tunnel.frames import BadTunnelFrame, FrameKind
from clients.tunnel.handshake import FollowingHandshake, HandshakeStep, LeadingHandshake
from clients.tunnel.links import LinkTiming, TunnelLink
from clients.tunnel.outbox import PREFIX, BadClaim
from clients.tunnel.records import BadRecord
from clients.tunnel.streams import BadStream, Streams
from clients.tunnel.table import LinkTable
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


class Tunnel:
    """One end; its program calls `streams`, and then `flush`."""

    def __init__(
        self,
        side: Side,
        credentials: Credentials,
        entropy: Entropy,
        now: Instant,
        timing: LinkTiming | None = None,
    ) -> None:
        self._side = side
        self._timing = timing or LinkTiming()
        leads = side is Side.REPRESENTATIVE
        self._leading = LeadingHandshake(credentials, entropy) if leads else None
        self._handshake = self._leading or FollowingHandshake(credentials, entropy)
        self._conversation = Conversation(side, self._timing.ack_seconds)
        self._effects: list[Effect] = []
        self._table = LinkTable(side, self._timing, self._effects, now)
        self._close_at: Instant | None = None
        self._close_message = ""
        self._has_ended = False

    @property
    def streams(self) -> Streams:
        return self._conversation.streams

    def prefer(self, order: Iterable[PathGeneration], now: Instant) -> Effects:
        """Set the session's paths, best first."""
        self._table.choice.prefer(order)
        return self._take_effects(now)

    def path_unreachable(self, generation: PathGeneration, now: Instant) -> Effects:
        """Record that the last try to get a link over this path failed."""
        self._table.choice.mark_unreachable(generation)
        return self._take_effects(now)

    def link_ready(self, link_id: LinkId, generation: PathGeneration, now: Instant) -> Effects:
        """Add the link whose relay sent READY; an older link over the same path is dropped."""
        link = TunnelLink(link_id, generation, received_at=now, sent_at=now)
        self._table.add(link)
        if self._has_ended:
            self._table.close([link])
        return self._take_effects(now)

    def link_received(self, link_id: LinkId, data: bytes, now: Instant) -> Effects:
        """Process received bytes, cut anywhere."""
        link = self._table.get(link_id)
        if link is not None:
            try:
                for kind, payload in link.receive(data, now):
                    self._on_frame(link, kind, payload, now)
                    if self._table.get(link_id) is None:
                        break
            except (BadTunnelFrame, BadRecord):
                self._table.drop([link], now)
        return self._take_effects(now)

    def link_blocked(self, link_id: LinkId, now: Instant, *, blocked: bool) -> Effects:
        """Record that the link takes no more bytes for now, or takes bytes again."""
        link = self._table.get(link_id)
        if link is not None:
            link.is_blocked = blocked
        return self._take_effects(now)

    def link_lost(self, link_id: LinkId, now: Instant) -> Effects:
        """Record that the connection is gone, whatever the reason."""
        link = self._table.get(link_id)
        if link is not None:
            self._table.drop([link], now)
        return self._take_effects(now)

    def flush(self, now: Instant) -> Effects:
        """Send what calls of `streams` have queued."""
        return self._take_effects(now)

    def close(self, message: str, now: Instant) -> Effects:
        """End the tunnel after what was sent; `Ended` follows, at the latest after the linger."""
        if self._close_at is None:
            self._conversation.queue_end(EndCode.CLOSED, message)
            self._close_message = message
            waits = self._timing.linger_seconds if self._handshake.is_secured else 0.0
            self._close_at = Instant(now + waits)
        return self._take_effects(now)

    def tick(self, now: Instant) -> Effects:
        """Do what is due at *now*."""
        self._table.drop(self._table.overdue(now), now)
        if self._table.is_keepalive_due(now):
            self._send_record(self._conversation.encode_ack(), now)
        if self._table.has_expired(now):
            message = "no path came back in time; open a new session"
            self._end(Ended(EndCode.EXPIRED, message, by_peer=False))
        return self._take_effects(now)

    def deadline(self) -> Instant | None:
        """Return when `tick` has something to do without a new fact; None: never."""
        if self._has_ended:
            return None
        times = [self._close_at, *self._table.deadlines()]
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

    def _take_effects(self, now: Instant) -> Effects:
        """Do everything that follows from the facts so far, and return the effects."""
        if not self._has_ended:
            self._begin_best(now)
            self._send_pending(now)
        if self._close_at is not None and now >= self._close_at:
            self._end(Ended(EndCode.CLOSED, self._close_message, by_peer=False))
        effects = tuple(self._effects)
        self._effects.clear()
        return effects

    def _begin_best(self, now: Instant) -> None:
        """Start on the best link, if this end leads and that link is better than its own."""
        if self._leading is not None and (link := self._table.choose_candidate(now)) is not None:
            self._effects.append(Send(link.id, self._leading.begin(link)))

    def _send_record(self, record: bytes, now: Instant) -> None:
        """Send *record* on the link that is followed."""
        assert self._table.followed is not None, "a record without a link"
        self._effects.append(self._table.followed.seal(record, now))

    def _send_pending(self, now: Instant) -> None:
        link = self._table.followed
        if link is not None and link.is_up:
            for record in self._conversation.outgoing(now, blocked=link.is_blocked):
                self._effects.append(link.seal(record, now))
            self._effects.extend(self.streams.writable())

    def _on_frame(self, link: TunnelLink, kind: FrameKind, data: memoryview, now: Instant) -> None:
        if kind is not FrameKind.RECORD:
            self._apply(link, self._handshake.received(link, kind, bytes(data)), now)
        elif link is self._table.followed and link.opener is not None:
            record = memoryview(link.opener.open(data))
            if len(record) < PREFIX.size:
                raise BadRecord
            self._on_record(link, record, now)

    def _apply(self, link: TunnelLink, step: HandshakeStep, now: Instant) -> None:
        """Apply the consequences of a plain frame."""
        if step.reply:
            self._effects.append(Send(link.id, step.reply))
        for effect in step.effects:
            if isinstance(effect, Ended):
                self._end(effect)
            else:
                self._effects.append(effect)
        if step.keys is not None:
            self._table.follow(link, step.keys, step.attempt)
            self._send_record(self._conversation.encode_ack(), now)
        if step.drop_all:
            self._table.drop(self._table.all(), now)
        elif step.drop:
            self._table.drop([link], now)

    def _on_record(self, link: TunnelLink, record: memoryview, now: Instant) -> None:
        end = decode_end(record)
        try:
            if end is not None:
                self._on_end(*end, now)
            elif link.is_up:
                effect = self._conversation.receive(record, now)
                if effect is not None:
                    self._effects.append(effect)
            else:
                self._conversation.resume_from(decode_claim(record))
                self._table.mark_up(link, now)
        except (BadClaim, BadStream) as error:
            code = EndCode.BAD_OFFSET if isinstance(error, BadClaim) else EndCode.BAD_STREAM
            self._refuse(code, f"the other end broke the tunnel's rules: {error}", now)

    def _on_end(self, code: EndCode, message: str, now: Instant) -> None:
        by_peer = self._close_at is None
        if by_peer:
            self._send_record(encode_end(code, message), now)
        self._end(Ended(code, message, by_peer=by_peer))

    def _refuse(self, code: EndCode, message: str, now: Instant) -> None:
        """End the tunnel, because the peer proved itself and then broke a rule."""
        self._send_record(encode_end(code, message), now)
        self._end(Ended(code, message, by_peer=False))

    def _end(self, ended: Ended) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._effects.append(ended)
            self._table.close(self._table.all())
