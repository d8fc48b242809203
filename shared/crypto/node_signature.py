"""A node's signature of an event, which anybody can verify who has the node's public key.

One header: `version;node;unix_ms;id;signature`. The Ed25519 signature (base64) covers what
stands before it in the header, the subject and the payload, each ended by a line feed but the
last; neither of the first two can hold one. So the signature binds node, time, subject and payload
together, and no pre-shared key is needed to verify it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.crypto.nodekeys import NodeKey, verify
from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64, to_integer
from shared.domain.errors import BadSignature
from shared.domain.ids import LATEST_UNIX_MS, NodeId, UnixMillis

NODE_SIGNATURE_HEADER: Final = "Meridian-Node-Sig"
VERSION: Final = "1"
FIELDS: Final = 5
LONGEST_HEADER: Final = 1_024


@dataclass(frozen=True, slots=True)
class Statement:
    """The signing node, the time by that node's clock, and the event's own id."""

    node: NodeId
    unix_ms: UnixMillis
    id: str

    @property
    def head(self) -> str:
        return f"{VERSION};{self.node};{self.unix_ms};{self.id}"


def attest(key: NodeKey, statement: Statement, subject: str, payload: bytes) -> str:
    """Write the statement as the value of its header."""
    proof = key.sign(_bytes_to_sign(statement.head, subject, payload))
    return f"{statement.head};{base64.b64encode(proof).decode()}"


def verify_statement(
    keys: Mapping[NodeId, str], header: str, subject: str, payload: bytes
) -> Statement:
    """The statement that signs *payload* on *subject*; *keys* are the nodes' public keys, base64.

    Raises:
        BadSignature: no known node signed it; its attribute `reason` is a word for counting.
    """
    statement, text = parse_statement(header), header.rpartition(";")[2]
    key = keys.get(statement.node)
    if key is None:
        raise BadSignature(f"no key of node {statement.node} is known", reason="unknown_node")
    try:
        proof = decode_base64(text)
    except Undecodable as error:
        raise BadSignature("the node's signature is no base64", reason="malformed") from error
    if not verify(key, proof, _bytes_to_sign(header.rpartition(";")[0], subject, payload)):
        raise BadSignature(f"the signature of node {statement.node} is wrong", reason="bad_proof")
    return statement


def parse_statement(header: str) -> Statement:
    """Parse *header*; its signature is not verified.

    Raises:
        BadSignature: it is malformed.
    """
    parts = header.split(";")
    if len(parts) != FIELDS or parts[0] != VERSION:
        raise BadSignature("the event is not signed by a node", reason="unsigned")
    try:
        unix_ms = UnixMillis(to_integer(parts[2], most=LATEST_UNIX_MS))
    except Undecodable as error:
        raise BadSignature("the event has no time", reason="malformed") from error
    if len(header) > LONGEST_HEADER or not header.isascii():
        raise BadSignature("the node's signature is malformed", reason="malformed")
    return Statement(NodeId(parts[1]), unix_ms, parts[3])


def _bytes_to_sign(head: str, subject: str, payload: bytes) -> bytes:
    return f"{head}\n{subject}\n".encode("utf-8", "surrogatepass") + payload
