"""What members of a site say to each other, spoken by its description and not by its code.

Keys are derived, messages signed and answers proven here a second time, from the files of a state
folder: nothing of `shared`, so that a test finds what a foreign member would find, and runs against
other commits. Who speaks is named as `node.service`; `credentials` finds what that sender has.
"""

import base64
import hashlib
import hmac
import json
import secrets
import struct
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.system.raw_nats import RawNats, connected, header_block

HOST: Final = "127.0.0.1"
SERVICE_USER: Final = "service"
SIGNATURE: Final = "Meridian-Sig"
NODE_SIGNATURE: Final = "Meridian-Node-Sig"
CONTENT_TYPE: Final = "content-type"
JSON: Final = "application/json"
MESSAGE: Final = "msg"
REPLY: Final = "rep"


@dataclass(frozen=True)
class Credentials:
    """What one sender has: its way to NATS, the cluster's keys, and its node's own."""

    sender: str
    ports: tuple[int, ...]
    user: str
    password: str
    kid: str
    control: bytes
    node_key: Ed25519PrivateKey | None

    @property
    def node(self) -> str:
        return self.sender.partition(".")[0]


def site_file(state: Path) -> dict[str, Any]:
    """The description of the site that is kept in *state*."""
    found: dict[str, Any] = json.loads((state / "site.json").read_text())
    return found


def credentials(state: Path, sender: str) -> Credentials:
    """What *sender* (`node.service`) of the site in *state* speaks with, its own server first."""
    node = sender.partition(".")[0]
    servers = [each for each in site_file(state)["nodes"] if each["nats"]]
    servers.sort(key=lambda each: each["place"]["name"] != node)
    kid, control = _message_keys(state)
    return Credentials(
        sender=sender,
        ports=tuple(each["nats"]["client"] for each in servers),
        user=SERVICE_USER,
        password=(state / "secrets" / f"nats-{SERVICE_USER}").read_text().strip(),
        kid=kid,
        control=control,
        node_key=_node_key(state / "nodes" / node / "node.key"),
    )


def connect(known: Credentials, port: int | None = None) -> AbstractAsyncContextManager[RawNats]:
    """A connection of that sender, to its first server unless another *port* is named."""
    return connected(HOST, port or known.ports[0], known.user, known.password)


@dataclass
class Speaker:
    """Signs as one sender; every message gets an id of this boot unless it is told another."""

    known: Credentials
    instance: str = field(default_factory=lambda: secrets.token_hex(4))
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    counter: int = 0

    @property
    def identity(self) -> str:
        return f"{self.known.sender}.{self.instance}"

    @property
    def inbox(self) -> str:
        """Below this subject this sender alone is answered."""
        return f"_INBOX.{self.identity}"

    def head(self, in_reply_to: str = "", **changed: str) -> list[str]:
        """The fields of a signature before its MAC; *changed* replaces some by name."""
        self.counter += 1
        fields = {
            "version": "1",
            "kid": self.known.kid,
            "sender": self.identity,
            "unix_ms": str(now_ms()),
            "id": f"{self.boot}+{self.counter}",
            "in_reply_to": in_reply_to,
        }
        assert changed.keys() <= fields.keys(), f"a signature has no {changed.keys()}"
        return [*(fields | changed).values()]

    def mac(self, kind: str, subject: str, head: str, payload: bytes, content: str = JSON) -> str:
        """The proof over all that a message says."""
        about = () if kind == REPLY else (subject.encode(),)
        parts = (kind.encode(), *about, head.encode(), content.encode(), payload)
        return hmac.digest(self.known.control, _with_lengths(*parts), "sha256").hex()

    def signed(self, subject: str, payload: bytes, **changed: str) -> dict[str, str]:
        """The headers of a message on *subject*."""
        head = ";".join(self.head(**changed))
        proof = self.mac(MESSAGE, subject, head, payload)
        return {CONTENT_TYPE: JSON, SIGNATURE: f"{head};{proof}"}

    def answer(self, asked: dict[str, str], payload: bytes, **changed: str) -> dict[str, str]:
        """The headers of an answer to the request whose headers are *asked*."""
        request = asked[SIGNATURE].split(";")[4]
        head = ";".join(self.head(**{"in_reply_to": request, **changed}))
        return {CONTENT_TYPE: JSON, SIGNATURE: f"{head};{self.mac(REPLY, '', head, payload)}"}

    def attested(self, subject: str, payload: bytes) -> str:
        """The node's own word for an event: the value of its header."""
        head = f"1;{self.known.node};{now_ms()};{secrets.token_hex(12)}"
        proof = self.node_signature(f"{head}\n{subject}\n".encode() + payload)
        return f"{head};{base64.b64encode(proof).decode()}"

    def node_signature(self, data: bytes) -> bytes:
        key = self.known.node_key
        assert key is not None, f"{self.known.node} has no key of its own"
        return key.sign(data)

    def block(self, subject: str, payload: bytes, **changed: str) -> bytes:
        """`signed`, as the header block that travels."""
        return header_block(self.signed(subject, payload, **changed))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def is_proven(known: Credentials, subject: str, headers: dict[str, str], payload: bytes) -> bool:
    """Whether a message, or an answer where *subject* is empty, was signed with the site's key."""
    head, _, proof = headers.get(SIGNATURE, "").rpartition(";")
    kind = MESSAGE if subject else REPLY
    speaker = Speaker(known)
    return speaker.mac(kind, subject, head, payload, headers.get(CONTENT_TYPE, "")) == proof


@cache
def _message_keys(state: Path) -> tuple[str, bytes]:
    psk = (state / "secrets" / "psk").read_text().strip()
    trust = next(iter(sorted((state / "nodes").glob("*/trust.json"))))
    cluster = json.loads(trust.read_text())["cluster_id"]
    salt = hashlib.sha256(f"meridian/{cluster}".encode()).digest()
    root = hashlib.scrypt(psk.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)
    return _expand(root, b"kid/v1")[:4].hex(), _expand(root, b"control/v1")


def _expand(root: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without a salt, one block long."""
    extracted = hmac.digest(bytes(32), root, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _node_key(path: Path) -> Ed25519PrivateKey | None:
    if not path.exists():
        return None
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_text()))


def _with_lengths(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(each)) + each for each in parts)
