"""Hostile values in every place that the catalogue does not declare: the log, keys, objects.

What lies there is found on the site, and spoilt as it lies there: raw bytes, and the last value
with one place of it changed. Where a master signs, there are rightly signed values that are wrong.
"""

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, cast

from shared.events import CATALOGUE
from tests.system.raw_nats import RawNats
from tests.system.storm.bodies import Body, broken, reshaped
from tests.system.storm.readers import matches
from tests.system.storm.shots import Shot, headless
from tests.system.wire_dialect import Speaker

ENTRY_TYPE: Final = "meridian/log-entry/v1"
LEASE_TYPE: Final = "meridian/lease/v1"


@dataclass(frozen=True, slots=True)
class Place:
    """One subject of a stream, and what lies there."""

    stream: str
    subject: str
    last: bytes


async def places(client: RawNats) -> list[Place]:
    """Every subject that is kept and not declared in the catalogue."""
    declared = [message.subject.wildcard for message in CATALOGUE]
    found: list[Place] = []
    for stream in (await client.jetstream("STREAM.NAMES", {}))["streams"]:
        reply = await client.jetstream(f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
        subjects: list[str] = sorted(reply["state"].get("subjects") or {})
        found += [
            Place(stream, subject, await last(client, stream, subject))
            for subject in subjects
            if not any(matches(pattern, subject) for pattern in declared)
        ]
    return found


async def last(client: RawNats, stream: str, subject: str) -> bytes:
    """The last value of *subject*."""
    reply = await client.jetstream(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
    return base64.b64decode(reply.get("message", {}).get("data", ""))


def values(place: Place, speaker: Speaker, chance: random.Random, count: int) -> list[Shot]:
    """*count* values for *place* that nobody may take, or as many as there are."""
    bodies = _spoilt(place.last, chance)
    signed = list(_signed(place, speaker))
    chance.shuffle(signed)
    heads = (shot for shot in headless(place.last[:200] + b"\xff") if shot.head)
    raw = (Shot(body.name, body.payload) for body in chain(broken(place.last or b"{}"), bodies))
    return list(islice(_in_turn(raw, heads, iter(signed)), count))


def _in_turn(*parts: Iterator[Shot]) -> Iterator[Shot]:
    """One of each, again and again, until all are used up."""
    waiting = list(parts)
    while waiting:
        for part in list(waiting):
            shot = next(part, None)
            if shot is None:
                waiting.remove(part)
            else:
                yield shot


def _spoilt(value: bytes, chance: random.Random) -> Iterator[Body]:
    """The value with one place changed; one that is no document has none."""
    document = _document(value)
    if document is not None:
        yield from reshaped(document, chance)


def _document(value: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _signed(place: Place, speaker: Speaker) -> Iterator[Shot]:
    """Rightly signed values that are no record; *speaker* is a master."""
    document = _document(place.last)
    if document is None:
        return
    if document.get("type") == ENTRY_TYPE:
        inner = document["body"].encode()
        for body in broken(inner):
            yield Shot(f"signed: {body.name}", _entry(body.payload, speaker))
    elif "record" in document:
        for body in broken(str(document["record"]).encode()):
            text = body.payload.decode("latin-1")
            yield Shot(f"signed: {body.name}", _lease(text, speaker))


def _entry(body: bytes, speaker: Speaker) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    proof = speaker.node_signature(f"{ENTRY_TYPE}\n{digest}".encode())
    text = body.decode("utf-8", "surrogateescape")
    return json.dumps(
        {
            "type": ENTRY_TYPE,
            "body": text,
            "hash": digest,
            "signer": speaker.known.node,
            "signature": proof.hex(),
        }
    ).encode()


def _lease(text: str, speaker: Speaker) -> bytes:
    proof = speaker.node_signature(f"{LEASE_TYPE}\n{text}".encode())
    signature = base64.b64encode(proof).decode()
    return json.dumps(
        {"record": text, "signer": speaker.known.node, "signature": signature}
    ).encode()
