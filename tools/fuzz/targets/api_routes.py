# pyright: reportPrivateUsage=false
"""What routes of the API read themselves: headers, channels' messages, proofs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from fastapi import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.gateway.backups.routes import passphrase
from services.gateway.cluster.core.proofs import SyncAnswer, check_proofs
from services.gateway.cluster.routes import status_history
from services.gateway.configuration.routes import history
from services.gateway.http.bodies import SHORT_BODY_BYTES, announced_bytes, bounded_receive
from services.gateway.http.requests import expected_revision
from services.gateway.sessions.attachments import Held
from services.gateway.sessions.routes.channel import _receive_requests
from shared.api.changes import ChangesQuery
from shared.api.status_history import StatusHistoryQuery
from shared.crypto.nodekeys import verify
from shared.decoding.model import decode_model
from shared.domain.ids import NodeId
from shared.domain.node import Side
from shared.events.replication import FollowerProgressed, FollowerState
from tools.fuzz.declared import example
from tools.fuzz.held import finished
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts
from tools.fuzz.targets.api_server import SESSION, fresh_gateway
from tools.fuzz.targets.crypto import KEY


def _headers(data: bytes) -> object:
    """Headers and parameters that routes read themselves; the first part says which."""
    which, rest = parts(data, 2)
    text = rest.decode("latin-1")
    readers: dict[bytes, Callable[[], object]] = {
        b"match": lambda: expected_revision(text),
        b"none": lambda: expected_revision(None, text),
        b"length": lambda: _read_length(_with_header(b"content-length", rest)),
        b"chunked": lambda: _read_length(_with_header(b"transfer-encoding", rest)),
        b"log": lambda: history.as_question(decode_model(ChangesQuery, rest)),
        b"status": lambda: status_history.as_question(decode_model(StatusHistoryQuery, rest)),
        b"phrase": lambda: passphrase(text),
    }
    return readers.get(which, passphrase)()


def _read_length(request: Request) -> int | None:
    announced = announced_bytes(request)
    bounded_receive(request, announced, SHORT_BODY_BYTES)
    return announced


def _with_header(name: bytes, value: bytes) -> Request:
    return Request({"type": "http", "headers": [(name, value)]})


def _headers_corpus() -> Iterable[bytes]:
    texts = (
        b"",
        b"7",
        b'"7"',
        b'W/"7"',
        b"*",
        b"x",
        b"-1",
        b"9" * 40,
        b"\xff",
        b"AAEC",
        b"/w==",
        b"70000",
        b"\xb2",
    )
    for which in (b"match", b"none", b"length", b"chunked", b"phrase", b""):
        yield from after(which, texts)
    wanted = {"limit": 5, "before": "1.2", "since_unix_ms": 1}
    yield from after(b"log", varied(wanted))
    yield from after(b"status", varied(wanted))
    yield joined(b"status", encoded({"before": "1.x-y"}))


class Socket:
    """A WebSocket on which *messages* come, and then its end."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = messages
        self.sent: list[str] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            return {"type": "websocket.disconnect", "code": 1000}
        message = self.messages.pop(0)
        if message.startswith(b"\xff"):
            return {"type": "websocket.receive", "bytes": message}
        return {"type": "websocket.receive", "text": message.decode("utf-8", "replace")}

    async def send_text(self, text: str) -> None:
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.sent.append(f'"code":"closed {code}","reason":"{reason}"')


def _channel(data: bytes) -> object:
    """Messages of an endpoint, apart by a line feed; refusals go back to it."""
    fake, socket = fresh_gateway(), Socket(data.split(b"\n"))
    held = Held(SESSION, fake.gateway.attachments.program(Side.CUSTOMER, "0" * 32))
    with suppress(WebSocketDisconnect):  # its end is no news
        finished(_receive_requests(cast("WebSocket", socket), fake.gateway.channels, held))
    for text in socket.sent:
        raise Dropped(text.partition('"code":"')[2].partition('"')[0])
    return None


def _channel_corpus() -> Iterable[bytes]:
    yield from varied({"type": "need_paths"})
    yield from varied({"type": "leave", "message": "no relay"})
    yield from varied({"type": "waits_at", "generation": 1, "node": "berlin"})
    yield from varied({"type": "waits_at", "generation": 1, "node": "alpha"})
    yield from varied({"type": "close", "reason": "expired", "message": "x"})
    yield from (
        encoded({"type": "close"}),
        b"x" * 5_000,
        b'{"type":"need_paths"}\n' * 3,
        b"\xff\xff",
    )


def _proofs(data: bytes) -> object:
    """What a follower says of its position."""
    progress = decode_model(FollowerProgressed, data)
    if progress.signature == "true":  # what the node itself would sign of this
        progress = progress.model_copy(
            update={"signature": KEY.sign(progress.progress_bytes()).hex()}
        )
    keys = {NodeId("alpha"): KEY.public_b64}
    (proof,) = check_proofs([SyncAnswer(NodeId("alpha"), progress)], keys, verify)
    if not proof.ok:
        raise Dropped(proof.code)
    return proof


def _proofs_corpus() -> Iterable[bytes]:
    for state in FollowerState:
        for signature in ("true", "00", "no hex"):
            fields = {**example(FollowerProgressed), "state": state, "signature": signature}
            yield encoded(fields)
    yield from varied(example(FollowerProgressed))


TARGETS = (
    Target(
        "api.headers",
        _headers,
        _headers_corpus,
        (
            *(
                "services.gateway.http.requests:expected_revision",
                "services.gateway.backups.routes:passphrase",
            ),
            *("services.gateway.http.bodies:announced_bytes",),
            *("services.gateway.configuration.routes.history:as_question",),
            *("services.gateway.cluster.routes.status_history:as_question",),
        ),
        frozenset(
            {
                *("invalid_change", "too_large", "bad_shape", "bad_syntax", "not_text"),
                *("number_out_of_range", "too_deep"),
            }
        ),
    ),
    Target(
        "api.channel",
        _channel,
        _channel_corpus,
        (
            "services.gateway.sessions.routes.channel:_receive_requests",
            "services.gateway.sessions.routes.channel:_carry_out",
            "services.gateway.sessions.core.shared_path:reached_node",
            "shared.api.channel:_decoded",
        ),
        frozenset({"undecodable", "not_found", "closed 1009"}),
        slow="each input gets a gateway of its own",
    ),
    Target(
        "api.proofs",
        _proofs,
        _proofs_corpus,
        ("services.gateway.cluster.core.proofs:_is_signed",),
        frozenset(
            {
                *("diverged", "log_lost", "not_following"),
                *("bad_signature", "bad_shape", "bad_syntax", "not_text", "number_out_of_range"),
                "too_deep",
            }
        ),
    ),
)
