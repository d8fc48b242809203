"""Decides how long the parts of a request may take, and how large they may be.

The parser of HTTP reports what it has found; this class never sees a byte. A request is *begun* by
its first byte, and its header has a fixed time from there: a byte now and then prolongs nothing.
A body has a pace. Time in which this side does not read, because the application has not taken what
came, is not the client's. Requests may be sent ahead of the answers (RFC 9112, section 9.3.2), up
to a number.

```
IDLE ──begin──▶ HEADER ──end_header──▶ BODY ──end──▶ ANSWERING ──answer──▶ IDLE
                   ▲                                     │
                   └──────────────── begin ──────────────┘   the next request, sent ahead
```
"""

from enum import StrEnum

from services.gateway.acceptor.core.limits import ConnectionLimits, Refusal
from services.gateway.acceptor.core.pace import Pace
from shared.domain.ids import Instant


class RequestPhase(StrEnum):
    """What a connection is expected to do next."""

    IDLE = "idle"
    HEADER = "header"
    BODY = "body"
    ANSWERING = "answering"


TIMEOUTS = {RequestPhase.HEADER: Refusal.HEADER_TIMEOUT, RequestPhase.BODY: Refusal.BODY_TIMEOUT}


class RequestProgress:
    """The requests of one connection, one after the other."""

    __slots__ = (
        *("phase", "_limits", "_since", "_header_bytes", "_fields", "_held_bytes", "_unanswered"),
        *("_body", "_unwanted_bytes", "_unwanted_until", "_paused_at"),
    )

    def __init__(self, limits: ConnectionLimits, now: Instant) -> None:
        self.phase = RequestPhase.IDLE
        self._limits = limits
        self._since = now
        self._header_bytes = 0
        self._fields = 0
        self._held_bytes = 0
        self._unanswered = 0
        self._body = Pace(limits.body, now)
        self._unwanted_bytes = 0
        self._unwanted_until: Instant | None = None
        self._paused_at: Instant | None = None

    @property
    def unanswered(self) -> int:
        """The number of requests whose header is complete and whose answer is not."""
        return self._unanswered

    def receive(self, size: int) -> Refusal | None:
        """Take note of *size* bytes before the parser has them.

        What the parser keeps back, such as the half of a field, counts as part of the header.
        """
        if self._header_bytes + self._held_bytes > self._limits.header_bytes:
            return Refusal.HEADER_TOO_LARGE
        self._held_bytes += size
        return None

    def begin(self, now: Instant) -> Refusal | None:
        """Begin a request."""
        assert self.phase in {RequestPhase.IDLE, RequestPhase.ANSWERING}, self.phase
        if self._unanswered >= self._limits.requests_at_once:
            return Refusal.TOO_MANY_REQUESTS
        self.phase = RequestPhase.HEADER
        self._since = now
        self._header_bytes = self._held_bytes = self._fields = 0
        return None

    def add_target(self, size: int) -> Refusal | None:
        """Count *size* bytes of the request's target."""
        self._held_bytes = 0
        self._header_bytes += size
        is_large = self._header_bytes > self._limits.header_bytes
        return Refusal.HEADER_TOO_LARGE if is_large else None

    def add_field(self, size: int) -> Refusal | None:
        """Count a field of *size* bytes, of the header or of a trailer."""
        self._fields += 1
        if self._fields > self._limits.header_fields:
            return Refusal.TOO_MANY_FIELDS
        return self.add_target(size)

    def end_header(self, now: Instant) -> None:
        """Expect the body from *now* on."""
        assert self.phase is RequestPhase.HEADER, self.phase
        self.phase = RequestPhase.BODY
        self._unanswered += 1
        self._held_bytes = self._unwanted_bytes = 0
        self._unwanted_until = None
        self._body = Pace(self._limits.body, now)

    def add_body(self, size: int, now: Instant) -> Refusal | None:
        """Count *size* bytes of the body."""
        self._held_bytes = 0
        self._body.add(size, now)
        if self._unwanted_until is None:
            return None
        self._unwanted_bytes += size
        is_large = self._unwanted_bytes > self._limits.unwanted_bytes
        return Refusal.BODY_UNWANTED if is_large else None

    def end(self, now: Instant) -> None:
        """End the request: its last byte has come."""
        assert self.phase is RequestPhase.BODY, self.phase
        self._held_bytes = self._header_bytes = 0
        self._rest(now)

    def answer(self, now: Instant) -> None:
        """Take note that the oldest request is answered, perhaps before its body has come."""
        assert self._unanswered > 0, "an answer without a request"
        self._unanswered -= 1
        if self.phase is RequestPhase.ANSWERING:
            self._rest(now)
        elif self.phase is RequestPhase.BODY and not self._unanswered:
            self._unwanted_until = Instant(now + self._limits.unwanted_seconds)

    def _rest(self, now: Instant) -> None:
        self.phase = RequestPhase.ANSWERING if self._unanswered else RequestPhase.IDLE
        self._since = now

    def pause(self, now: Instant) -> None:
        """Stop the clock: this side does not read."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: Instant) -> None:
        """Go on reading; the pause was not the client's time."""
        if self._paused_at is not None:
            pause = now - self._paused_at
            self._since = Instant(self._since + pause)
            self._body.postpone(pause)
            self._paused_at = None

    def deadline(self) -> Instant | None:
        """Return when the present phase has taken too long; None while it is not the client's."""
        match self.phase:
            case RequestPhase.ANSWERING:
                return None
            case RequestPhase.IDLE:
                return Instant(self._since + self._limits.idle_seconds)
            case _ if self._paused_at is not None:
                return None
            case RequestPhase.HEADER:
                return Instant(self._since + self._limits.header_seconds)
            case RequestPhase.BODY:
                return self._unwanted_until or self._body.deadline()
