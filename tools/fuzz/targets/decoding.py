"""The boundary itself: JSON, the readers of members, numbers and bytes in text."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from math import inf

from shared.decoding.fields import decode_mapping, decode_object, row
from shared.decoding.jsontext import Bounds, decode_json, decode_own_json
from shared.decoding.text import (
    decode_base64,
    decode_base64url,
    decode_hex,
    decode_text,
    equal_in_constant_time,
    one_line,
    shown,
    to_integer,
    to_number,
)
from tools.fuzz.samples import NO_JSON, after, joined, varied
from tools.fuzz.target import Target, parts, text_of

FEW = Bounds(size_bytes=6_000, items=100)
"""Bounds that an input of a few thousand bytes can reach."""


class Word(StrEnum):
    """A choice of words."""

    YES = "yes"
    NO = "no"


MEMBERS = {
    "text": "x",
    "integer": 7,
    "number": 0.5,
    "boolean": True,
    "hex": "00ff",
    "base64": "AAEC",
    "choice": "yes",
    "items": [1, "x"],
    "object": {"text": "y"},
    "objects": [{"text": "z"}],
    "row": ["a", 1],
}


def _json(data: bytes) -> object:
    decode_json(data, FEW)
    decode_json(text_of(data))
    return decode_mapping(data, "mapping")


def _fields(data: bytes) -> object:
    """Each reader in turn; a part before the members chooses one to be refused by its type."""
    wanted, body = parts(data, 2)
    fields = decode_object(body, "members")
    readers: dict[bytes, Callable[[str], object]] = {
        b"text": fields.text,
        b"integer": lambda name: fields.integer(name, least=-5, most=10),
        b"number": fields.number,
        b"boolean": fields.boolean,
        b"hex": fields.hex,
        b"base64": fields.base64,
        b"choice": lambda name: fields.choice(name, Word),
        b"items": fields.items,
        b"object": lambda name: fields.object(name).text("text"),
        b"objects": lambda name: [each.text("text") for each in fields.objects(name)],
        b"row": lambda name: row(fields.value(name), ("first", "second"), "row").text("first"),
    }
    read = readers.get(wanted, fields.value)
    name = text_of(wanted)
    return read(name) if name in fields else read(f"{name}?")


def _text(data: bytes) -> object:
    kind, rest = parts(data, 2)
    text = text_of(rest)
    shown(text)
    one_line(text, 30)
    equal_in_constant_time(text, rest)
    readers: dict[bytes, Callable[[], object]] = {
        b"integer": lambda: to_integer(text, least=-1_000, most=2**64),
        b"number": lambda: to_number(text, least=-1e6, most=1e6),
        b"finite": lambda: to_number(text, least=-inf, most=inf),
        b"hex": lambda: decode_hex(text),
        b"base64": lambda: decode_base64(text),
        b"bytes": lambda: decode_base64(rest),
        b"base64url": lambda: decode_base64url(text),
    }
    return readers.get(kind, lambda: decode_text(rest))()


def _json_corpus() -> Iterable[bytes]:
    yield from varied({"a": [1, 2.5, None, True, "x"], "b": {"c": "\\u0000"}})
    yield from (
        b"[" + b"1," * 120 + b"1]",
        b'"' + b"x" * 6_000 + b'"',
        b'{"a\\u0000":1}',
        b'["\\u0000"]',
    )
    yield b'{"a":"\\\\u0000"}'


def _fields_corpus() -> Iterable[bytes]:
    for name, value in MEMBERS.items():
        yield from after(name.encode(), varied({name: value}))
    yield joined(b"hex", b'{"hex":"zz"}')
    yield joined(b"row", b'{"row":[1,2]}')
    yield joined(b"other", b'{"a":1}')


def _text_corpus() -> Iterable[bytes]:
    texts = (
        *(
            b"",
            b"7",
            b"-7",
            b"+7",
            b"1e3",
            b".5",
            b"5.",
            b"1e999",
            b"9" * 30,
            b"9" * 80,
            b"nan",
            b"inf",
        ),
        *(
            b"1_000",
            b" 7",
            "\u0667".encode(),
            b"ff",
            b"zz",
            b"AAEC",
            b"AAE=",
            b"A",
            b"-_8",
            b"\xff",
        ),
        *(b"-2000", b"2e6", "é".encode(), b"A=A=", b"x" * 50),
    )
    kinds = (b"integer", b"number", b"finite", b"hex", b"base64", b"bytes", b"base64url", b"text")
    return (joined(kind, text) for kind in kinds for text in texts)


TARGETS = (
    Target(
        "decoding.json",
        _json,
        _json_corpus,
        ("shared.decoding.jsontext:decode_json", "shared.decoding.fields:decode_mapping"),
        frozenset(
            {
                *("bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"),
                *("too_large", "too_many_items"),
            }
        ),
    ),
    Target(
        "decoding.fields",
        _fields,
        _fields_corpus,
        (
            *("shared.decoding.fields:decode_object", "shared.decoding.fields:row"),
            *(
                f"shared.decoding.fields:Fields.{each}"
                for each in (
                    *("__contains__", "value", "text", "integer", "number", "boolean", "hex"),
                    *("base64", "choice", "items", "object", "objects", "wrong"),
                )
            ),
        ),
        frozenset({"bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"}),
    ),
    Target(
        "decoding.text",
        _text,
        _text_corpus,
        tuple(
            f"shared.decoding.text:{each}"
            for each in (
                *("to_integer", "to_number", "decode_text", "decode_hex", "decode_base64"),
                *("decode_base64url", "equal_in_constant_time", "shown", "one_line"),
            )
        ),
        frozenset({"bad_syntax", "number_out_of_range", "not_text"}),
    ),
    Target(
        "decoding.own_json",
        lambda data: decode_own_json(text_of(data)),
        lambda: NO_JSON,
        ("shared.decoding.jsontext:decode_own_json",),
        frozenset({"bad_syntax"}),
    ),
)
