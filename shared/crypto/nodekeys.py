"""The key of a node, and the masters' keys that a node trusts."""

import base64
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.decoding.text import decode_base64, decode_hex
from shared.domain.errors import BadSettings
from shared.domain.ids import ClusterId, LogGeneration, NodeId

KEY_FILE: Final = "node.key"
TRUST_FILE: Final = "trust.json"


class NodeKey:
    """The Ed25519 key that was made on this node and never leaves it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_b64 = base64.b64encode(key.public_key().public_bytes_raw()).decode()

    @staticmethod
    def generate() -> "NodeKey":
        return NodeKey(Ed25519PrivateKey.generate())

    @staticmethod
    def load(path: Path) -> "NodeKey":
        try:
            raw = decode_base64(path.read_text().strip())
            return NodeKey(Ed25519PrivateKey.from_private_bytes(raw))
        except (OSError, ValueError, Undecodable) as error:
            raise BadSettings(f"no node key in {path}: {error}") from error

    def save(self, path: Path) -> None:
        write_secret(path, base64.b64encode(self._key.private_bytes_raw()) + b"\n")

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def verify(public_b64: str, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(decode_base64(public_b64)).verify(signature, data)
    except (InvalidSignature, ValueError, Undecodable):
        return False
    return True


@dataclass
class TrustStore:
    """The masters' keys: pinned at join, and those that a pinned one vouched for in the log."""

    cluster_id: ClusterId
    log_generation: LogGeneration
    masters: dict[NodeId, str] = field(default_factory=dict[NodeId, str])

    @staticmethod
    def load(path: Path) -> "TrustStore":
        try:
            document = decode_object(path.read_bytes(), "trust store")
            masters = document.object("masters")
            return TrustStore(
                ClusterId(document.text("cluster_id")),
                LogGeneration(document.integer("log_generation")),
                {NodeId(node): masters.text(node) for node in document.object("masters").members},
            )
        except (OSError, Undecodable) as error:
            raise BadSettings(f"{path} names no cluster: {error}") from error

    def save(self, path: Path) -> None:
        document = {
            "cluster_id": self.cluster_id,
            "log_generation": self.log_generation,
            "masters": self.masters,
        }
        write_secret(path, json.dumps(document, indent=2).encode() + b"\n")

    def learn(self, node: NodeId, public_b64: str) -> None:
        self.masters[node] = public_b64

    def verify(self, node: NodeId, signature: bytes, data: bytes) -> bool:
        key = self.masters.get(node)
        return key is not None and verify(key, signature, data)

    def verify_hex(self, node: NodeId, signature: str, data: bytes) -> bool:
        """Say whether *node* is a known master and signed *data*; *signature* is in hex."""
        try:
            return self.verify(node, decode_hex(signature), data)
        except Undecodable:
            return False


def write_secret(path: Path, data: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
