"""The signed envelope: a message's sender, its time, and proof that it came from the cluster.

A live message is new when its counter was not seen from this boot of its sender. What was seen
is kept in one window a boot, of constant size, until the last message's stamp no longer passes;
a window is never given up earlier, since whoever floods us with boots could then replay.
"""

import hmac
import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.crypto.keyring import KeyRing
from shared.decoding.errors import Undecodable
from shared.decoding.text import equal_in_constant_time, shown, to_integer
from shared.domain.errors import BadSignature, Replayed, TooOld
from shared.domain.ids import LATEST_UNIX_MS, NODE_ID_PATTERN, NodeId, UnixMillis

SIGNATURE_HEADER: Final = "Meridian-Sig"
MESSAGE: Final = "msg"
REPLY: Final = "rep"
VERSION: Final = "1"
FIELDS: Final = 7
"""version; kid; sender; Unix ms; boot+counter; in reply to; MAC."""

LONGEST_HEADER: Final = 1_024
IDENTITY: Final = re.compile(
    rf"(?P<node>{NODE_ID_PATTERN})\.(?P<service>[a-z_]{{1,32}})\.(?P<instance>[A-Za-z0-9]{{1,32}})"
)

WINDOW_MS: Final = 30_000
SLOTS: Final = 4_096
SENDERS_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """The sender of a message: a service's instance on a node."""

    node: NodeId
    service: str
    instance: str

    def __str__(self) -> str:
        return f"{self.node}.{self.service}.{self.instance}"

    @staticmethod
    def parse(text: str) -> "Identity":
        """Parse the sender in a header.

        Raises:
            Undecodable: it is no `node.service.instance`.
        """
        match = IDENTITY.fullmatch(text)
        if match is None:
            raise Undecodable(f"{shown(text)} is no sender", reason="bad_syntax")
        return Identity(NodeId(match["node"]), match["service"], match["instance"])


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose proof held; *id* is its sender's *boot* and *counter*."""

    identity: Identity
    boot: str
    counter: int
    unix_ms: UnixMillis

    @property
    def id(self) -> str:
        return f"{self.boot}+{self.counter}"


def canonical(*fields: bytes) -> bytes:
    """Encode fields with their lengths before them, so that no two lists give the same bytes."""
    return b"".join(struct.pack(">I", len(each)) + each for each in fields)


class Signer:
    """Signs what this process sends."""

    def __init__(
        self, keyring: KeyRing, identity: Identity, boot: str, now_ms: Callable[[], UnixMillis]
    ) -> None:
        self.identity = identity
        self._keys = keyring.current
        self._boot = boot
        self._now_ms = now_ms
        self._counter = 0

    def sign(
        self, kind: str, subject: str, content_type: str, payload: bytes, in_reply_to: str = ""
    ) -> tuple[str, str]:
        """The header's value and the message's id; a reply signs no subject."""
        self._counter += 1
        message_id = f"{self._boot}+{self._counter}"
        head = ";".join(
            (
                VERSION,
                self._keys.kid,
                str(self.identity),
                str(self._now_ms()),
                message_id,
                in_reply_to,
            )
        )
        mac = _mac(self._keys.control, kind, subject, head, content_type, payload)
        return f"{head};{mac}", message_id


@dataclass(slots=True)
class Window:
    """The counters received from one boot of a sender: one bit for each of the newest SLOTS.

    Anything older counts as a replay (a sliding window as in RFC 6479).
    """

    highest: int = 0
    seen: int = 0
    expires: int = 0

    def admit(self, counter: int, expires: int) -> bool:
        self.expires = max(self.expires, expires)
        if counter > self.highest:
            step = min(counter - self.highest, SLOTS)  # a huge step must not make a huge number
            self.seen = (self.seen << step | 1) & ((1 << SLOTS) - 1)
            self.highest = counter
            return True
        age = self.highest - counter
        if age >= SLOTS or self.seen >> age & 1:
            return False
        self.seen |= 1 << age
        return True


@dataclass
class Verifier:
    """Checks what this process receives."""

    keyring: KeyRing
    now_ms: Callable[[], UnixMillis]
    started_ms: UnixMillis
    windows: OrderedDict[str, Window] = field(default_factory=OrderedDict[str, Window])

    def check(
        self,
        subject: str,
        header: str,
        content_type: str,
        payload: bytes,
        *,
        live: bool,
        in_reply_to: str | None = None,
    ) -> Signed:
        """Return who signed a message, or the answer to the request *in_reply_to*.

        A *live* message must be fresh and new; a stored one may have any age, and so may an
        answer: it names a request of this boot.

        Raises:
            BadSignature: the message is refused; its attribute `reason` is a word for counting.
        """
        parts = _split(header)
        keys = self.keyring.find(parts[1])
        if keys is None:
            raise BadSignature(f"unknown key {parts[1]}", reason="unknown_key")
        head = header.rpartition(";")[0]
        kind = MESSAGE if in_reply_to is None else REPLY
        mac = _mac(keys.control, kind, subject, head, content_type, payload)
        if not equal_in_constant_time(mac, parts[6]):
            raise BadSignature("the signature does not hold", reason="bad_mac")
        try:
            signed = _parse_signed(parts)
        except Undecodable as error:
            raise BadSignature("the envelope is malformed", reason="malformed") from error
        if in_reply_to is not None:
            if parts[5] != in_reply_to:
                raise BadSignature("an answer to another request", reason="other_request")
        elif live:
            self._fresh(signed)
        return signed

    def _fresh(self, signed: Signed) -> None:
        difference = signed.unix_ms - self.now_ms()
        if abs(difference) > WINDOW_MS:
            raise TooOld(
                f"the stamp of {signed.identity} differs from our time by {difference / 1000:+.1f} "
                f"s, more than {WINDOW_MS / 1000:g} s: it came late, or the clocks differ "
                "(`meridian status` says so where one was measured)",
                reason="too_old",
                difference_ms=difference,
                sender=str(signed.identity),
            )
        if signed.unix_ms < self.started_ms:
            raise Replayed("signed before this process started", reason="before_start")
        self._forget()
        if not self._window(signed).admit(signed.counter, signed.unix_ms + WINDOW_MS):
            raise Replayed("the message came before", reason="replayed")

    def _window(self, signed: Signed) -> Window:
        name = f"{signed.identity}+{signed.boot}"
        if name not in self.windows and len(self.windows) >= SENDERS_KEPT:
            raise Replayed("too many senders to remember", reason="too_many_senders")
        window = self.windows.setdefault(name, Window())
        self.windows.move_to_end(name)
        return window

    def _forget(self) -> None:
        """Drop the windows whose messages are all too old to pass anyway, longest silent first."""
        now = self.now_ms()
        while self.windows:
            name, window = next(iter(self.windows.items()))
            if window.expires >= now:
                return
            del self.windows[name]


def _split(header: str) -> list[str]:
    parts = header.split(";")
    if len(parts) != FIELDS or parts[0] != VERSION:
        raise BadSignature("the message is not signed", reason="unsigned")
    if len(header) > LONGEST_HEADER or not header.isascii():
        raise BadSignature("the envelope is malformed", reason="malformed")
    return parts


def _parse_signed(parts: list[str]) -> Signed:
    boot, plus, number = parts[4].rpartition("+")
    if not plus:
        raise Undecodable(f"{shown(parts[4])} is no message's id", reason="bad_syntax")
    identity, counter = Identity.parse(parts[2]), to_integer(number, least=1)
    return Signed(identity, boot, counter, UnixMillis(to_integer(parts[3], most=LATEST_UNIX_MS)))


def _mac(key: bytes, kind: str, subject: str, head: str, content_type: str, payload: bytes) -> str:
    about = () if kind == REPLY else (_encode(subject),)
    fields = (kind.encode(), *about, head.encode(), _encode(content_type), payload)
    return hmac.digest(key, canonical(*fields), "sha256").hex()


def _encode(text: str) -> bytes:
    """Return the bytes of what a library decoded, whatever it made of them."""
    return text.encode("utf-8", "surrogatepass")
