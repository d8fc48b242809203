"""Reads a decoded object: each member by the type that it must have.

```python
entry = decode_object(data, "log entry")
revision = entry.integer("revision", least=1)
changes = tuple(read_change(each) for each in entry.objects("changes"))
```
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import LARGEST_INTEGER, MESSAGE, Bounds, Json, decode_json
from shared.decoding.text import decode_base64, decode_hex

E = TypeVar("E", bound=StrEnum)


class Fields:
    """The members of one JSON object; *what* and *place* say in errors where it stands.

    *members* is the object itself. Every method raises `Undecodable` when the member is missing or
    of another type.
    """

    __slots__ = ("_place", "_what", "members")

    def __init__(self, value: Json, what: str, place: str = "") -> None:
        if not isinstance(value, dict):
            where = f"{what}: {place}" if place else what
            raise Undecodable(f"{where}: no object", reason="bad_shape", place=place)
        self.members, self._what, self._place = value, what, place

    def __contains__(self, name: str) -> bool:
        """Say whether the member is there and is not null."""
        return self.members.get(name) is not None

    def value(self, name: str) -> Json:
        if name not in self.members:
            raise self.wrong(name, "missing")
        return self.members[name]

    def text(self, name: str) -> str:
        value = self.value(name)
        if not isinstance(value, str):
            raise self.wrong(name, "no text")
        return value

    def integer(self, name: str, *, least: int = 0, most: int = LARGEST_INTEGER) -> int:
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(name, f"no integer from {least} to {most}")
        return value

    def number(self, name: str) -> float:
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "no number")
        return float(value)

    def boolean(self, name: str) -> bool:
        value = self.value(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "neither true nor false")
        return value

    def hex(self, name: str) -> bytes:
        return self._within(name, decode_hex)

    def base64(self, name: str) -> bytes:
        return self._within(name, decode_base64)

    def choice(self, name: str, kind: type[E]) -> E:
        text = self.text(name)
        try:
            return kind(text)
        except ValueError as error:
            raise self.wrong(name, f"not one of {', '.join(kind)}") from error

    def items(self, name: str) -> list[Json]:
        value = self.value(name)
        if not isinstance(value, list):
            raise self.wrong(name, "no list")
        return value

    def object(self, name: str) -> "Fields":
        return Fields(self.value(name), self._what, self._at(name))

    def objects(self, name: str) -> "Iterator[Fields]":
        for number, each in enumerate(self.items(name)):
            yield Fields(each, self._what, f"{self._at(name)}.{number}")

    def wrong(self, name: str, why: str) -> Undecodable:
        """Build the error that refuses member *name*, for *why*."""
        place = self._at(name)
        return Undecodable(f"{self._what}: {place}: {why}", reason="bad_shape", place=place)

    def _within(self, name: str, decode: Callable[[str], bytes]) -> bytes:
        text = self.text(name)
        try:
            return decode(text)
        except Undecodable as error:
            raise self.wrong(name, error.message) from error

    def _at(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name


def decode_object(data: bytes | str, what: str, bounds: Bounds = MESSAGE) -> Fields:
    """The members of the JSON object in *data*; *what* says in errors what it should be.

    Raises:
        Undecodable: it is no JSON, or no object.
    """
    try:
        value = decode_json(data, bounds)
    except Undecodable as error:
        raise Undecodable(f"{what}: {error.message}", reason=error.reason) from error
    return Fields(value, what)


def decode_mapping(data: bytes | str, what: str, bounds: Bounds = MESSAGE) -> dict[str, Json]:
    """The JSON object in *data*, as it is.

    Raises:
        Undecodable: it is no JSON, or no object.
    """
    return decode_object(data, what, bounds).members


def row(value: Json, names: Sequence[str], what: str) -> Fields:
    """The items of a JSON list of fixed length, by *names*.

    Raises:
        Undecodable: it is no list of that length.
    """
    if not isinstance(value, list) or len(value) != len(names):
        raise Undecodable(f"{what}: no list of {len(names)}", reason="bad_shape")
    return Fields(dict(zip(names, value, strict=True)), what)
