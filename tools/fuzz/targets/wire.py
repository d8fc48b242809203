# pyright: reportPrivateUsage=false
"""What two ends and a relay say to each other: relay protocol, tunnel, control channel."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from clients.session.channel import ControlChannel, _read
from clients.tunnel import frames as tunnel
from clients.tunnel.effects import LinkId
from clients.tunnel.records import BadRecord, Opener, Sealer
from shared.api.channel import FromGateway
from shared.api.sessions import SessionCredentials
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.node import Side
from shared.wire.relay import (
    FrameReader,
    RefusalCode,
    encode_hello,
    encode_ping,
    encode_pong,
    encode_ready,
    encode_refused,
    encode_wait,
)
from tests.unit.clients.tunnel.pair import Pair
from tools.fuzz.held import finished
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts

BERLIN, FIRST = NodeId("berlin"), PathGeneration(1)


def _relay(data: bytes) -> object:
    """Bytes of either side, in two pieces; with a number before them, the JSON of such a frame."""
    how, body = parts(data, 2)
    if how in {b"2", b"3", b"4", b"6"}:
        body = (1 + len(body)).to_bytes(2, "big") + how.translate(KINDS) + body
    reader = FrameReader()
    half = len(body) // 2
    frames = [*reader.feed(body[:half]), *reader.feed(body[half:])]
    return frames, reader.leftover


KINDS = bytes(each - 48 if 48 <= each < 58 else each for each in range(256))
"""Digits to the numbers that they write."""


def _relay_corpus() -> Iterable[bytes]:
    good = (
        *(encode_hello("ticket"), encode_ping(7, "ticket"), encode_pong(BERLIN, 7)),
        *(encode_wait(BERLIN), encode_ready(BERLIN, FIRST)),
        *(
            encode_refused(RefusalCode.FULL, "full", 1.5),
            encode_refused(RefusalCode.FULL, "", None),
        ),
    )
    raw = (
        *(b"", b"\x00", b"\x00\x00\x01", b"\xff\xff\x01", b"\x00\x01\x09", b"\x00\x01\x01"),
        *(
            b"\x00\x02\x01\x02",
            b"\x00\x03\x01\x01\xff",
            b"\x00\x02\x05\x01",
            b"\x00\x07\x05\x01aaaa\xff",
        ),
    )
    yield from after(b"", (*good, *raw, b"".join(good), good[3] + good[4] + b"rest"))
    yield from after(b"2", varied({"node": "berlin"}))
    yield from after(b"3", varied({"node": "berlin", "generation": 1}))
    yield from after(b"4", varied({"code": "full", "message": "m", "retry_after_seconds": 1}))
    yield from after(b"6", varied({"node": "berlin", "nonce": 7}))


def _frames(data: bytes) -> object:
    """Frames of a link, and a record that is or is not the next."""
    reader = tunnel.TunnelFrameReader()
    opener = Opener(b"k" * 32, rekey_records=2)
    return [
        opener.open(payload) if kind is tunnel.FrameKind.RECORD else bytes(payload)
        for piece in (data[: len(data) // 2], data[len(data) // 2 :])
        for kind, payload in reader.feed(piece)
    ]


def _frames_corpus() -> Iterable[bytes]:
    sealer = Sealer(b"k" * 32, rekey_records=2)
    sealed = b"".join(bytes(sealer.seal(b"x" * size)) for size in (0, 1, 30))
    yield from (
        b"",
        sealed,
        sealed[:-1],
        sealed[1:],
        sealed[:9] + b"\xff" + sealed[10:],
        b"\x00" * 9,
    )
    for kind in tunnel.FrameKind:
        yield from (tunnel.encode(kind, b"x"), tunnel.encode(kind, b"x" * 300))
    yield b"\x07\xff\xff\xff\xff"


def _tunnel(data: bytes) -> object:
    """Frames to either end of a tunnel: from a stranger, or sealed as the peer itself would.

    The first part says to whom, and whether the tunnel is up; a `record` is sealed under its keys.
    """
    how, body = parts(data, 2)
    pair = Pair((None, None) if b"strangers" in how else ("lusab-rodim", "lusab-rodim"))
    end, other = pair.ends if b"representative" in how else pair.ends[::-1]
    link = int(pair.ready(1, settle=b"up" in how or b"record" in how))
    if b"record" in how:
        followed = other.tunnel._table.followed
        assert followed is not None, "both are silent, so the tunnel is up"
        body = b"".join(
            bytes(followed.seal(each, pair.now).data) for each in body.split(b"\x1d") if each
        )
    half = len(body) // 2
    for piece in (body[:half], body[half:]):
        pair.hand(end, link, piece)
    if end.ended is not None:
        raise Dropped(end.ended.code)
    if LinkId(link) in end.closed:
        raise Dropped("link_closed")
    pair.wait(5.0, settle=False)
    return end.facts


def _tunnel_corpus() -> Iterable[bytes]:
    payloads = [tunnel.encode(kind, b"\x01" * size) for kind in tunnel.FrameKind for size in SIZES]
    openings = [
        tunnel.encode(tunnel.FrameKind.EXCHANGE, bytes([1, each]) + bytes(31)) for each in range(5)
    ]
    for whom in (b"representative", b"customer"):
        yield from after(whom + b" strangers", (*payloads, b"\x09" * 9, b"".join(openings)))
        yield from after(whom + b" strangers up", payloads)
        yield from after(whom + b" strangers record", _records())
    for words in (b"", b" strangers"):  # what the pair itself says, to somebody else
        pair = Pair((None, None) if words else ("lusab-rodim", "lusab-rodim"))
        pair.ready(1)
        for side, data in pair.carried:
            whom = b"customer" if side is Side.REPRESENTATIVE else b"representative"
            yield joined(whom + words, data + data)
            yield joined(whom + words + b" up", data)
        opening = pair.carried[0][1]
        for proof in (b"x" * 32, b"x" * 64):
            confirm = tunnel.encode(tunnel.FrameKind.CONFIRM, proof)
            yield joined(b"customer" + words, opening + confirm)


SIZES = (0, 33, 64, 72)


def _records() -> Iterable[bytes]:
    def record(kind: int, number: int, stream: int, rest: bytes = b"") -> bytes:
        return bytes([kind]) + number.to_bytes(8, "big") + stream.to_bytes(4, "big") + rest

    for kind in (0, 1, 16, 17, 18, 19, 20, 21):
        for stream in (0, 1, 2):
            yield record(kind, 0, stream, b"\x00\x00\x00\x04")
        yield record(kind, 0, 1)
        yield record(kind, 2**63, 1)
        yield record(16, 0, 1) + b"\x1d" + record(kind, 13, 1, b"\x00\x00\x00\x04")
        yield record(16, 0, 1) + b"\x1d" + record(19, 13, 1) + b"\x1d" + record(kind, 26, 1, b"x")
    yield from (
        b"x",
        record(2, 0, 0, b"closed\nbye"),
        record(2, 0, 0, b"\xff" * 8),
        record(2, 0, 0),
    )


class Wire:
    """A transport that nothing leaves by."""

    def is_closing(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return self._ignored

    def _ignored(self, *_: object) -> None:
        return None


def _channel(data: bytes) -> object:
    """Bytes after the handshake, or with `text` before them one message, as the site's."""
    how, body = parts(data, 2)
    if how == b"text":
        message = _read(body)
        if message is None:
            raise Dropped("not_for_us")
        return message
    return finished(_shaken(body) if how == b"handshake" else _conversed(body))


def _ignore(_: FromGateway) -> None:
    """A channel's messages are what it was given; how it deals with them is the question."""


def _endpoint() -> ControlChannel:
    credentials = {
        "session": "7",
        "endpoint_token": "t",
        "expires_unix_ms": 1,
        "gateways": ["https://s"],
    }
    return ControlChannel(SessionCredentials.model_validate(credentials), None, _ignore)


async def _conversed(data: bytes) -> bool:
    """What follows a handshake that went well."""
    protocol = ClientProtocol(parse_uri("wss://site"), state=OPEN, max_size=256 * 1024)
    socket = ClientConnection(protocol, ping_interval=None, close_timeout=None)
    socket.response = Response(101, "", Headers())
    socket.connection_made(cast("asyncio.Transport", Wire()))
    _feed(socket, data)
    return await _endpoint()._converse(socket)


async def _shaken(data: bytes) -> None:
    """The gateway's answer to the handshake."""
    protocol = ClientProtocol(parse_uri("wss://site"), max_size=256 * 1024)
    protocol.key = "x3JJHMbDL1EzLkh9GBhXDw=="
    socket = ClientConnection(protocol, ping_interval=None, close_timeout=None)
    socket.connection_made(cast("asyncio.Transport", Wire()))
    shaking = asyncio.ensure_future(socket.handshake())
    await asyncio.sleep(0)  # it asks first
    _feed(socket, data)
    try:
        await shaking
    except InvalidStatus as error:
        following = _endpoint()._connect().process_redirect(error)
        raise following if isinstance(following, Exception) else error from None


def _feed(socket: ClientConnection, data: bytes) -> None:
    half = len(data) // 2
    for piece in (data[:half], data[half:]):
        socket.data_received(piece)
    socket.eof_received()
    socket.connection_lost(None)


def _channel_corpus() -> Iterable[bytes]:
    path = {"node": "berlin", "host": "h", "port": 1, "generation": 1, "ticket": "t"}
    for message in (
        {"type": "paths", "paths": [path]},
        {"type": "state", "phase": "active", "ends": ["customer"], "representative": "rita"},
        {"type": "closed", "reason": "x"},
        {"type": "error", "message": "x"},
        {"type": "ping"},
    ):
        yield from after(b"text", varied(message))
        yield joined(b"", _socket_frame(0x81, encoded(message)))
    closed, text = encoded({"type": "closed"}), _socket_frame(0x81, b"x")
    frames = (
        *(
            _socket_frame(0x81, b"\xff"),
            _socket_frame(0x01, closed[:5]) + _socket_frame(0x80, closed[5:]),
        ),
        *(
            _socket_frame(0x82, closed),
            _socket_frame(0x88, b"\x11\x31refused"),
            _socket_frame(0x88, b"\x03"),
        ),
        *(
            _socket_frame(0x89, b"x"),
            _socket_frame(0x8A, b""),
            _socket_frame(0xF1, b""),
            b"\x81\xff" + b"\xff" * 12,
        ),
        *(
            _socket_frame(0x80, b"x"),
            b"\x81\x7f" + b"\xff" * 8,
            b"",
            text * 40,
            _socket_frame(0x88, b""),
        ),
    )
    yield from after(b"", frames)
    yield from after(b"handshake", _handshakes())


def _handshakes() -> Iterable[bytes]:
    """Answers of a gateway, the true one first."""
    first = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    accepted = first + b"Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n"
    moved = b"HTTP/1.1 302 Found\r\n%s\r\n"
    yield from (
        *(
            accepted + b"\r\n",
            first + b"\r\n",
            b"",
            b"no HTTP\r\n",
            b"HTTP/1.1 403 Forbidden\r\n\r\n",
        ),
        *(moved % b"Location: https://[\r\n", moved % (b"Location: /x\r\n" * 2)),
        moved % b"Location: x\r\n",
        *(accepted + b"Sec-WebSocket-Extensions: \xff\r\n\r\n", accepted * 2 + b"\r\n"),
        accepted + b"x: " + b"y" * 9_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    )


def _socket_frame(head: int, payload: bytes) -> bytes:
    length = len(payload)
    size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
    return bytes([head]) + size + payload


TARGETS = (
    Target(
        "wire.relay",
        _relay,
        _relay_corpus,
        tuple(
            f"shared.wire.relay:{name}"
            for name in ("FrameReader.feed", "_decode", "_decode_answer")
        ),
        frozenset({"bad_frame"}),
    ),
    Target(
        "wire.tunnel_frames",
        _frames,
        _frames_corpus,
        ("clients.tunnel.frames:TunnelFrameReader.feed", "clients.tunnel.records:Opener.open"),
        frozenset({"BadTunnelFrame", "BadRecord"}),
        (tunnel.BadTunnelFrame, BadRecord),
    ),
    Target(
        "wire.tunnel",
        _tunnel,
        _tunnel_corpus,
        (
            *(
                "clients.tunnel.tunnel:Tunnel.link_received",
                "clients.tunnel.handshake:LeadingHandshake.received",
            ),
            *(
                "clients.tunnel.handshake:FollowingHandshake.received",
                "clients.tunnel.resume:ResumeAttempt.is_proven",
            ),
            *(
                "clients.tunnel.resume:ResumeAttempt.is_answered",
                "clients.tunnel.exchange:WordsInitiator.confirm",
            ),
            *(
                "clients.tunnel.exchange:WordsResponder.check",
                "clients.tunnel.exchange:WordsResponder.answer",
            ),
            *(
                "clients.tunnel.commitment:CommitmentResponder.is_repeat",
                "clients.tunnel.commitment:CommitmentResponder.check",
            ),
            *(
                "clients.tunnel.commitment:CommitmentInitiator.confirm",
                "clients.tunnel.commitment:CommitmentResponder.answer",
            ),
            *(
                "clients.tunnel.conversation:Conversation.receive",
                "clients.tunnel.conversation:decode_end",
            ),
            *(
                "clients.tunnel.conversation:decode_claim",
                "clients.tunnel.streams:Streams.received",
            ),
        ),
        frozenset(
            {
                *("link_closed", "key_burnt", "bad_stream", "bad_offset", "wrong_words"),
                *("secured_elsewhere", "closed"),
            }
        ),
        slow="each input gets two ends that agree on a key first",
    ),
    Target(
        "wire.channel",
        _channel,
        _channel_corpus,
        (
            *("clients.session.channel:_read", "shared.api.channel:_decoded"),
            "clients.session.channel:ControlChannel._converse",
        ),
        frozenset(
            {
                *("not_for_us", "InvalidHeader", "InvalidMessage"),
                *("InvalidStatus", "NegotiationError"),
            }
        ),
        (OSError, WebSocketException),
        slow="each input gets a connection on an event loop",
    ),
)
