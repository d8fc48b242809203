# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false
"""Builds a corpus from a valid value: each member missing, of another type, out of range."""

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tools.fuzz.target import SEPARATOR

WRONG: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    2**63 - 1,
    0.5,
    "",
    "no such word",
    [],
    {},
    [0],
    "ff",
)
NO_JSON: Final = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"a":"\\u0000"}',
        b'"\\ud800"',
        b"NaN",
        b"{}{}",
    ),
    *(b"[" * 5_000, b"[" * 65 + b"]" * 65, b"9" * 5_000, b"1e999", b'{"a":9223372036854775808}'),
)
"""What is refused before any member is looked at: each reason for it."""


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def varied(value: Any) -> Iterator[bytes]:
    """*value* as it is, then with one thing in it wrong at a time, then what is no JSON at all."""
    yield encoded(value)
    for path in _paths(value, ()):
        for wrong in WRONG:
            yield encoded(_with(value, path, wrong))
        if isinstance(path[-1], str):
            yield encoded(_without(value, path))
    yield from NO_JSON


def joined(*parts: bytes) -> bytes:
    """Parts of one input."""
    return SEPARATOR.join(parts)


def after(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """Each of *rest* with *first* before it."""
    return (joined(first, each) for each in rest)


def _paths(value: Any, so_far: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    keys: Iterable[Any] = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(min(len(value), 2))
    for key in keys:
        yield (*so_far, key)
        yield from _paths(value[key], (*so_far, key))


def _with(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    changed = copy.deepcopy(value)
    _holder(changed, path)[path[-1]] = wrong
    return changed


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    del _holder(changed, path)[path[-1]]
    return changed


def _holder(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value
