"""JSON that is wrong in every way, made from JSON that is right.

From one good document come bytes that are no JSON at all, and documents of which one place, at any
depth, holds something else. Nothing here knows a message: a field that is added tomorrow is
spoilt like any other.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

Place = tuple[str | int, ...]

MARK: Final = "@here@"
"""Stands where raw text goes into a document that a JSON writer made."""

HUGE_BYTES: Final = 600_000
INTEGERS: Final = ("0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775809")
VALUES: Final = (
    *("null", "true", "1.5", "-0.0", "[]", "{}", "[null]", '[["a"]]', '{"a": {}}', '""'),
    *INTEGERS,
    *("1" + "0" * 400, "9" * 5000, "1e999", "-1e999", "NaN", "Infinity", "-Infinity"),
    *('"no such value"', '"\\ud800"', '"\\u0000"', '"\\u202e"', '"a.b"', '"*"', '">"', '"\\u00b2"'),
    *('"1_0"', '"NaN"', '"9e999"', '"' + "x" * 70_000 + '"', "[" * 70 + "]" * 70, "0" * 3),
)


@dataclass(frozen=True, slots=True)
class Body:
    """A payload and what is wrong with it."""

    name: str
    payload: bytes


def broken(good: bytes) -> Iterator[Body]:
    """Bytes that are no document; *good* is what they would be."""
    half = len(good) // 2
    yield from (
        Body("nothing", b""),
        Body("null", b"null"),
        Body("a list", b"[]"),
        Body("a text", b'"text"'),
        Body("a number", b"1"),
        Body("white space", b" \n\t"),
        Body("no JSON", b"{]"),
        Body("cut in half", good[:half]),
        Body("cut at the end", good[:-1]),
        Body("twice", good + good),
        Body("a deep list", b"[" * 200_000),
        Body("deep objects", b'{"a":' * 100_000),
        Body("a closed deep list", b"[" * 100_000 + b"]" * 100_000),
        Body("65 levels", b'{"a":' * 65 + b"1" + b"}" * 65),
        Body("a long number", b"9" * 5_000),
        Body("a long fraction", b"0." + b"9" * 100_000),
        Body("no number", b"NaN"),
        Body("a number too large", b"1e999"),
        Body("no UTF-8", b"\xff\xfe\xfa" + good),
        Body("no UTF-8 in a text", b'{"a": "\xc3\x28"}'),
        Body("UTF-16", good.decode("latin-1").encode("utf-16")),
        Body("a byte order mark", b"\xef\xbb\xbf" + good),
        Body("zero bytes", b"\x00" * 64),
        Body("a bare surrogate", b'"\\ud800"'),
        Body("a huge text", b'"' + b"x" * HUGE_BYTES + b'"'),
        Body("a huge list", b"[" + b"1," * (HUGE_BYTES // 2) + b"1]"),
    )


def reshaped(good: dict[str, Any], chance: random.Random) -> Iterator[Body]:
    """Documents of which one place is wrong, missing or more, in an order of *chance*."""
    yield Body("an unknown field", json.dumps({**good, "no such field": [{}]}).encode())
    first, text = next(iter(good), "a"), json.dumps(good)
    yield Body("a field twice", f'{text[:-1]}{", " if good else ""}"{first}": {{}}}}'.encode())
    changes = [(place, raw) for place in places(good) for raw in (None, *VALUES)]
    chance.shuffle(changes)
    for place, raw in changes:
        if raw is None:
            yield Body(f"{_name(place)} missing", json.dumps(_without(good, place)).encode())
        else:
            yield Body(f"{_name(place)} = {raw[:12]}", put(good, place, raw))


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place below the top of a document."""
    for key in _keys(value):
        yield (*above, key)
        yield from places(value[key], (*above, key))


def _keys(value: Any) -> Iterator[str | int]:
    if isinstance(value, dict):
        yield from cast("dict[str, Any]", value)
    elif isinstance(value, list):
        yield from range(len(cast("list[Any]", value)))


def put(good: dict[str, Any], place: Place, raw: str) -> bytes:
    """The document with *raw* text at *place*."""
    copy = json.loads(json.dumps(good))
    _parent(copy, place)[place[-1]] = MARK
    return json.dumps(copy).replace(f'"{MARK}"', raw).encode()


def _without(good: dict[str, Any], place: Place) -> Any:
    copy = json.loads(json.dumps(good))
    del _parent(copy, place)[place[-1]]
    return copy


def _parent(document: Any, place: Place) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document


def _name(place: Place) -> str:
    return ".".join(str(key) for key in place)
