"""uvicorn's HTTP protocol over httptools, which reports to a `RequestProgress` what it finds.

The parser's own callbacks are counted, so that limits and parser cannot disagree about where a
request begins or ends. A request that exceeds a limit gets a status while no answer has begun;
after that, or in the middle of another one's answer, the connection ends without.
"""

from http import HTTPStatus
from typing import Any, Final, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from services.gateway.acceptor.core.limits import ConnectionLimits, Refusal
from services.gateway.acceptor.core.requests import RequestPhase, RequestProgress
from shared.api.problems import MEDIA_TYPE, TYPES
from shared.domain.ids import Instant

FIELD_OVERHEAD: Final = len(b": \r\n")

STATUSES: Final[dict[Refusal, tuple[HTTPStatus, str]]] = {
    Refusal.HEADER_TIMEOUT: (HTTPStatus.REQUEST_TIMEOUT, "the request's header came too slowly"),
    Refusal.BODY_TIMEOUT: (HTTPStatus.REQUEST_TIMEOUT, "the request's body came too slowly"),
    Refusal.HEADER_TOO_LARGE: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the request's header is too large",
    ),
    Refusal.TOO_MANY_FIELDS: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the request's header has too many fields",
    ),
}
MALFORMED: Final = (HTTPStatus.BAD_REQUEST, "this is no request that HTTP/1.1 knows")


class RequestRefused(Exception):
    """A limit is exceeded; raised through the parser, which stops at it."""


class ConnectionPort(Protocol):
    """The connection that a protocol serves."""

    limits: ConnectionLimits

    def now(self) -> Instant: ...
    def on_secured(self, transport: Any) -> Any:
        """Take the transport that TLS made, and return the one to write to."""
        ...

    def on_upgraded(self) -> None: ...
    def on_refused(self, reason: Refusal) -> None: ...


class HttpProtocol(HttpToolsProtocol):
    """The HTTP of one connection, within limits."""

    def __init__(self, config: Config, state: ServerState, connection: ConnectionPort) -> None:
        super().__init__(config, state, {})
        self._connection = connection
        self._now = connection.now()
        self._refusal: Refusal | None = None
        self.progress = RequestProgress(connection.limits, self._now)

    def connection_made(self, transport: Any) -> None:
        self.progress = RequestProgress(self._connection.limits, self._connection.now())
        super().connection_made(self._connection.on_secured(transport))

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._now = self._connection.now()
        refusal = self.progress.receive(len(data))
        if refusal is None:
            super().data_received(data)
        else:
            self.refuse(refusal)

    def on_message_begin(self) -> None:
        self._require(self.progress.begin(self._now))
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._require(self.progress.add_target(len(url)))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._require(self.progress.add_field(len(name) + len(value) + FIELD_OVERHEAD))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.progress.end_header(self._now)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._require(self.progress.add_body(len(body), self._now))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.progress.end(self._now)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.progress.answer(self._connection.now())
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        # Parser and protocol refer to each other, and would wait for the garbage collector.
        self.parser = cast("Any", None)
        self._connection.on_upgraded()

    def _require(self, refusal: Refusal | None) -> None:
        """Go on unless there is a *refusal*.

        Raises:
            RequestRefused: there is one.
        """
        if refusal is not None:
            self._refusal = refusal
            raise RequestRefused(refusal)

    def send_400_response(self, msg: str) -> None:
        """End a request that the parser stopped at."""
        del msg
        self.refuse(self._refusal or Refusal.MALFORMED)

    def refuse(self, reason: Refusal) -> None:
        """End the connection for *reason*, with a status where one can be given."""
        if self.transport.is_closing():
            return
        self._connection.on_refused(reason)
        if self._may_answer():
            self.transport.write(_answer(*STATUSES.get(reason, MALFORMED)))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Say whether the request in hand is the oldest, and nothing of an answer was written."""
        if self.progress.phase is not RequestPhase.BODY:
            return self.progress.unanswered == 0
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_begun = cycle is not None and cycle.response_started and not cycle.response_complete
        return self.progress.unanswered == 1 and not is_begun


def _answer(status: HTTPStatus, detail: str) -> bytes:
    """Write a whole answer with a problem document."""
    body = (
        f'{{"type":"{TYPES}{status.name.lower()}","title":"{status.phrase}",'
        f'"status":{status.value},"detail":"{detail}","code":"{status.name.lower()}"}}'
    )
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}"
    ).encode("ascii")
