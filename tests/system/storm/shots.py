"""Hostile messages for one subject: what is sent, and what must become of it.

*Refused* is what no member proves, or what is not of the declared shape: every reader drops it and
counts it once. *Taken* is proven and of that shape, however odd its values. *Either* is wrong in a
part that not every reader of the stored message looks at. Of some only the shape decides.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from tests.system.raw_nats import header_block
from tests.system.storm.bodies import broken, reshaped
from tests.system.wire_dialect import (
    CONTENT_TYPE,
    JSON,
    MESSAGE,
    NODE_SIGNATURE,
    REPLY,
    SIGNATURE,
    Speaker,
    now_ms,
)

DIGITS: Final = "9" * 4_000
NO_TEXT: Final = "\udcff\udcfe"
GOOD: Final = "good"
REPLAYED: Final = "replayed"
STRANGER: Final = "nobody"
AHEAD_MS: Final = 300_000


class Expected(StrEnum):
    """What must become of a message at each reader."""

    REFUSED = "refused"
    TAKEN = "taken"
    EITHER = "either"
    BY_SHAPE = "by its shape"


@dataclass(frozen=True, slots=True)
class Shot:
    """One message: its bytes, and what must become of it."""

    name: str
    payload: bytes
    head: bytes = b""
    reply: str = ""
    expected: Expected = Expected.REFUSED


def headless(payload: bytes) -> Iterator[Shot]:
    """Header blocks in bytes that no client library writes."""
    blocks = {
        "no header": b"",
        "an empty block": b"NATS/1.0\r\n\r\n",
        "a status that is no text": b"NATS/1.0 \xff\xff\xff\r\n\r\n",
        "a status with a text that is none": b"NATS/1.0 503 \xff\xfe\r\n\r\n",
        "no responders": b"NATS/1.0 503\r\n\r\n",
        "an idle heartbeat": b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: x\r\n\r\n",
        "a request for flow control": b"NATS/1.0 100 FlowControl Request\r\n\r\n",
        "a status of 4000 digits": b"NATS/1.0 " + DIGITS.encode() + b"\r\n\r\n",
        "a value that is no text": b"NATS/1.0\r\nMeridian-Sig: \xff\xfe\xfd\r\n\r\n",
        "a name that is no text": b"NATS/1.0\r\n\xff\xfe: a\r\n\r\n",
        "a line without a colon": b"NATS/1.0\r\nMeridian-Sig\r\n\r\n",
        "colons only": b"NATS/1.0\r\n::::\r\n:\r\n\r\n",
        "a folded line": b"NATS/1.0\r\nMeridian-Sig: 1;\r\n  2;3\r\n\r\n",
        "zero bytes": b"NATS/1.0\r\nMeridian-Sig: \x00\x00\r\n\r\n",
        "bare line feeds": b"NATS/1.0\nMeridian-Sig: 1\n\n\r\n\r\n",
        "no end": b"NATS/1.0\r\nMeridian-Sig: 1;2;3",
        "2000 headers": b"NATS/1.0\r\n" + b"a: b\r\n" * 2_000 + b"\r\n",
        "a huge header": b"NATS/1.0\r\nMeridian-Sig: " + b";" * 60_000 + b"\r\n\r\n",
    }
    yield from (Shot(f"head: {name}", payload, head) for name, head in blocks.items())


def unproven(speaker: Speaker, subject: str, payload: bytes, *, live: bool) -> Iterator[Shot]:
    """A good payload under signatures that prove nothing."""
    good = speaker.signed(subject, payload)
    value = good[SIGNATURE]
    head, _, mac = value.rpartition(";")
    other = speaker.mac(MESSAGE, f"{subject}.x", head, payload)
    values = {
        "empty": "",
        "separators": ";" * 6,
        "a field less": value.partition(";")[2],
        "a field more": f"{value};",
        "another version": f"2{value[1:]}",
        "another key": ";".join(["1", "00000000", *value.split(";")[2:]]),
        "a key that is not ASCII": ";".join(["1", "é" * 8, *value.split(";")[2:]]),
        "no proof": f"{head};",
        "half a proof": f"{head};{mac[:32]}",
        "a proof in capitals": f"{head};{mac.upper()}" if mac.upper() != mac else f"{head};x",
        "a proof that is not ASCII": f"{head};{'ä' * 64}",
        "a proof that is no text": f"{head};{NO_TEXT * 32}",
        "a long proof": f"{head};{'a' * 40_000}",
        "a proof of zeros": f"{head};{'0' * 64}",
        "the proof of another subject": f"{head};{other}",
        "the proof of an answer": f"{head};{speaker.mac(REPLY, '', head, payload)}",
        "the proof of other bytes": f"{head};{speaker.mac(MESSAGE, subject, head, payload + b' ')}",
    }
    for name, text in values.items():
        yield Shot(f"proof: {name}", payload, header_block({**good, SIGNATURE: text}))
    if live:  # readers of a stream know the content type
        yield Shot("proof: no content type", payload, header_block({SIGNATURE: value}))
    yield Shot("proof: in another case", payload, header_block({SIGNATURE.lower(): value}))
    twice = header_block(good)[:-2] + f"{SIGNATURE}: {head};0\r\n{SIGNATURE}: 1\r\n\r\n".encode()
    yield Shot("proof: three times", payload, twice)


def misstated(speaker: Speaker, subject: str, payload: bytes, *, live: bool) -> Iterator[Shot]:
    """A good payload, proven, under a head that says what it must not."""
    service = speaker.known.sender.rpartition(".")[2]
    changes: dict[str, dict[str, str]] = {
        "a sender without dots": {"sender": "alpha"},
        "a sender of four parts": {"sender": f"{speaker.identity}.x"},
        "no sender": {"sender": ""},
        "a sender that is not ASCII": {"sender": f"älpha.{service}.1"},
        "a time that is no number": {"unix_ms": "now"},
        "no time": {"unix_ms": ""},
        "a time of 4000 digits": {"unix_ms": DIGITS},
        "a time with an underscore": {"unix_ms": "1_790_000_000_000"},
        "a time in other digits": {"unix_ms": "\uff11\uff12"},
        "a time in superscript": {"unix_ms": "\u00b2"},
        "an id without a boot": {"id": "+1"[1:]},
        "a counter of zero": {"id": "storm+0"},
        "a negative counter": {"id": "storm+-1"},
        "a counter of 4000 digits": {"id": f"storm+{DIGITS}"},
        "a counter in superscript": {"id": "storm+\u00b2"},
        "a counter in other digits": {"id": "storm+\uff11"},
        "no id": {"id": ""},
        "another service": {"sender": f"{speaker.known.node}.{STRANGER}.1"},
    }
    if live:
        changes |= {
            "a time ahead": {"unix_ms": str(now_ms() + AHEAD_MS)},
            "a time behind": {"unix_ms": str(now_ms() - AHEAD_MS)},
            "a time before the start": {"unix_ms": "1"},
            "a time before all times": {"unix_ms": "-1"},
        }
    for name, change in changes.items():
        yield Shot(f"head says {name}", payload, speaker.block(subject, payload, **change))


def mistimed(speaker: Speaker, subject: str, payload: bytes) -> Iterator[Shot]:
    """Stored messages of times that no clock shows; what a message's age says is nobody's rule."""
    for time in ("0", "-1", "999999999999999", "9223372036854775807"):
        head = speaker.block(subject, payload, unix_ms=time)
        yield Shot(f"stored at {time}", payload, head, expected=Expected.EITHER)


def misattested(speaker: Speaker, subject: str, payload: bytes) -> Iterator[Shot]:
    """Events under node signatures that are none; not every reader looks at them."""
    good = speaker.signed(subject, payload)
    word = speaker.attested(subject, payload)
    head, _, proof = word.rpartition(";")
    fields = head.split(";")
    values = {
        "none": None,
        "empty": "",
        "separators": ";;;;",
        "no proof": f"{head};",
        "no base64": f"{head};***",
        "not ASCII": f"{head};äöü",
        "a field more": f"{word};",
        "another version": f"2{word[1:]}",
        "another node": ";".join([fields[0], STRANGER, *fields[2:], proof]),
        "a time of 4000 digits": ";".join([*fields[:2], DIGITS, fields[3], proof]),
        "a time in superscript": ";".join([*fields[:2], "\u00b2", fields[3], proof]),
        "a time past all": ";".join([*fields[:2], "9" * 18, fields[3], proof]),
    }
    for name, value in values.items():
        more = {} if value is None else {NODE_SIGNATURE: value}
        yield Shot(
            f"attested: {name}", payload, header_block({**good, **more}), expected=Expected.EITHER
        )


def misdirected(speaker: Speaker, subject: str, payload: bytes) -> Iterator[Shot]:
    """Good and proven messages that would have the answer go where their sender may not write."""
    for reply in (
        "$JS.API.STREAM.DELETE.LOG-1",
        "$JS.API.STREAM.PURGE.EVENTS",
        "meridian.log.1.entry",
        "$KV.lease.primary",
        "meridian.config.propose",
        "_INBOX.a.stranger",
        "_INBOX.alpha.config.00000000.a",
    ):
        yield Shot(f"reply to {reply}", payload, speaker.block(subject, payload), reply)


def replayed(speaker: Speaker, subject: str, payload: bytes) -> Iterator[Shot]:
    """A good message, which is taken, and the very same again."""
    head = speaker.block(subject, payload)
    yield Shot(GOOD, payload, head, expected=Expected.TAKEN)
    yield Shot(REPLAYED, payload, head)


def bodies(
    speaker: Speaker, subject: str, good: dict[str, Any], chance: random.Random
) -> Iterator[Shot]:
    """Proven messages with a body that is wrong, or odd; all broken ones first."""
    for body in chain(broken(json.dumps(good).encode()), reshaped(good, chance)):
        headers = speaker.signed(subject, body.payload)
        yield Shot(
            f"body: {body.name}", body.payload, header_block(headers), expected=Expected.BY_SHAPE
        )


def attested(shot: Shot, speaker: Speaker, subject: str) -> Shot:
    """The same, with the node's own signature that readers of events look for."""
    is_ours = shot.head.startswith(f"NATS/1.0\r\n{CONTENT_TYPE}: {JSON}\r\n".encode())
    if not is_ours or shot.name.startswith("attested"):
        return shot
    word = speaker.attested(subject, shot.payload)
    return replace(shot, head=shot.head[:-2] + f"{NODE_SIGNATURE}: {word}\r\n\r\n".encode())
