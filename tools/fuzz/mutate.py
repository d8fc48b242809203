# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
"""New inputs from old ones: as bytes, and by the structure of JSON where there is any.

Both engines use it, so that a decoder meets the same kinds of input with either.
"""

import json
from random import Random
from typing import Any, Final

from tools.fuzz.target import SEPARATOR

HOSTILE_BYTES: Final = (
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc3",
        b"\r\n",
        b";",
        b".",
        b"+",
        b" ",
        b'"',
        b"{",
        b"[",
    ),
    *(
        b"}",
        b"]",
        b",",
        b":",
        b"-1",
        b"1e999",
        b"NaN",
        b"9" * 30,
        b"\\u0000",
        b"\\ud800",
        b"=",
        b"\n",
    ),
    *(
        b"null",
        b"true",
        b"\xe2\x80\xae",
        b"[" * 80,
        b'{"":' * 80,
        b"../",
        b"%00",
        b"0x1f",
        b"_",
        b"*",
    ),
)
HOSTILE_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308),
    *("", "a", "\x00", "\ud800", "\u202e", "7", "-1", "a.b", "a*>", "é" * 9, "x" * 300, "\r\n"),
    *(
        [],
        {},
        [[]],
        [None],
        [1, 2, 3],
        {"": 0},
        {"type": None},
        [[[[[[[[[[]]]]]]]]]],
        {"a": {"a": {}}},
    ),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Another input that looks like *data*."""
    if random.random() < 0.5:
        pieces = data.split(SEPARATOR)
        at = random.randrange(len(pieces))
        changed = _structure(pieces[at], random)
        if changed is not None:
            pieces[at] = changed
            return SEPARATOR.join(pieces)
    for _ in range(random.choice((1, 1, 2, 4))):
        data = _bytes(data, random)
    return data


def crossed(data: bytes, other: bytes, random: Random) -> bytes:
    """The beginning of one input and the end of another, by parts where both have some."""
    mine, theirs = data.split(SEPARATOR), other.split(SEPARATOR)
    if len(mine) == len(theirs) > 1:
        chosen = (random.choice(pair) for pair in zip(mine, theirs, strict=True))
        return SEPARATOR.join(chosen)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _bytes(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((0, 1, 1, 4, 16)))
    match random.randrange(5):
        case 0:
            return data[:at] + random.choice(HOSTILE_BYTES) + data[end:]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:end] + data[at:]
        case 3:
            return data[:at] + random.randbytes(end - at) + data[end:]
        case _:
            return data[:at]


def _structure(data: bytes, random: Random) -> bytes | None:
    """*data* as JSON with one value changed; None where it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    holder: list[Any] = [value]
    where: Any = holder
    key: Any = 0
    while isinstance(where[key], dict | list) and where[key] and random.random() < 0.8:
        where = where[key]
        key = (
            random.choice(list(where)) if isinstance(where, dict) else random.randrange(len(where))
        )
    if isinstance(where, dict) and random.random() < 0.2:
        del where[key]
    elif isinstance(where, list) and where is not holder and random.random() < 0.2:
        where.append(where[key])
    else:
        where[key] = _instead(where[key], random)
    return json.dumps(holder[0], separators=(",", ":")).encode()


def _instead(value: Any, random: Random) -> Any:
    """Something else where *value* was: often of the same type."""
    if isinstance(value, str) and random.random() < 0.5:
        at = random.randint(0, len(value))
        return (
            value[:at]
            + random.choice(("", "\x00", ".", "é", "x" * 70, "-", "9", "+", "\u202e"))
            + value[at + 1 :]
        )
    if isinstance(value, int) and random.random() < 0.5:
        return value + random.choice((-1, 1, 2**32, -(2**31)))
    return random.choice(HOSTILE_VALUES)
