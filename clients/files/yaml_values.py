"""Converts the nodes of a YAML tree to values, by the types that a schema has for them.

Where the schema says text, the characters of the file are the value (`007`, `1e3`, `null`, `true`);
where it says integer, number or boolean, the scalar must be one, by the core schema of YAML 1.2.
Nothing is guessed from how a value looks, so that a name is never read as a number.
"""

import re
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, Final, cast

from clients.files import yaml_tree
from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import LARGEST_INTEGER, SMALLEST_INTEGER
from shared.decoding.text import to_integer, to_number

Schema = Mapping[str, Any]
"""A JSON Schema, as pydantic writes it of a model."""

ANYTHING: Final[Schema] = {}
NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LONGEST_INTEGER: Final = 24
SHOWN: Final = 40
_OTHER_BASE: Final = re.compile(r"0o([0-7]+)|0x([0-9a-fA-F]+)")

Path = tuple[str, ...]


def mistyped(path: Path, message: str) -> Undecodable:
    """The error for the scalar at *path*, which does not have the type that the schema wants."""
    return Undecodable(message, reason="bad_shape", place=".".join(path), path=path)


class YamlReader:
    """Reads values by one *schema*; values that it does not describe are read as text."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._named: Mapping[str, Schema] = schema.get("$defs", {})

    def members(self, mapping: yaml_tree.Mapping) -> dict[str, Any]:
        """The values of *mapping*, whose members the schema's properties describe.

        Raises:
            Undecodable: a scalar in it is of another type.
        """
        return self._members(mapping, [self._schema], ())

    def _value(self, node: yaml_tree.Node, schema: Schema, path: Path) -> Any:
        choices = list(self._choices(schema))
        if isinstance(node, yaml_tree.Scalar):
            return _scalar(node, {str(each.get("type")) for each in choices} - {"None"}, path)
        if isinstance(node, yaml_tree.Sequence):
            inside: Schema = next((each["items"] for each in choices if "items" in each), ANYTHING)
            return [
                self._value(each, inside, (*path, str(number)))
                for number, each in enumerate(node.items)
            ]
        assert isinstance(node, yaml_tree.Mapping), "there is no other node"
        return self._members(node, choices, path)

    def _members(
        self, mapping: yaml_tree.Mapping, choices: list[Schema], path: Path
    ) -> dict[str, Any]:
        properties: Schema = ANYTHING
        other: Schema = ANYTHING
        for each in choices:
            properties = {**properties, **each.get("properties", ANYTHING)}
            allowed = each.get("additionalProperties")
            other = cast("Schema", allowed) if isinstance(allowed, dict) else other
        return {
            name: self._value(
                node,
                properties.get(name, other),
                (*path, name),
            )
            for name, node in mapping.members.items()
        }

    def _choices(self, schema: Schema) -> Iterator[Schema]:
        """The plain schemas that *schema* allows."""
        if "$ref" in schema:
            yield from self._choices(self._named[str(schema["$ref"]).rpartition("/")[2]])
        elif "anyOf" in schema:
            for each in schema["anyOf"]:
                yield from self._choices(each)
        else:
            yield schema


def text_or_none(node: yaml_tree.Node, path: Path) -> str | None:
    """The characters of *node*; None if there are none.

    Raises:
        Undecodable: it is no scalar.
    """
    if not isinstance(node, yaml_tree.Scalar):
        raise mistyped(path, "it is a text, not a list or a mapping")
    return None if node.is_plain and not node.text else node.text


def _scalar(node: yaml_tree.Scalar, types: set[str], path: Path) -> Any:
    text = node.text
    if node.is_plain and text in NULLS and ("null" in types or not types):
        return None
    if "string" in types or not types & {"integer", "number", "boolean"}:
        return None if node.is_plain and not text else text
    if not node.is_plain:
        raise mistyped(path, f"{text[:SHOWN]!r} stands in quotes: write {_wanted(types)} without")
    if "boolean" in types and text in BOOLEANS:
        return BOOLEANS[text]
    try:
        if "integer" in types:
            return _integer(text)
        if "number" in types:
            return to_number(text, least=-inf, most=inf)
    except Undecodable as error:
        raise mistyped(path, error.message) from error
    raise mistyped(path, f"{text[:SHOWN]!r} is neither true nor false")


def _wanted(types: set[str]) -> str:
    return "true or false" if "boolean" in types else "a number"


def _integer(text: str) -> int:
    other = _OTHER_BASE.fullmatch(text) if len(text) <= LONGEST_INTEGER else None
    if other is not None:
        octal, hexadecimal = other.groups()
        text = str(int(octal, 8) if octal else int(hexadecimal, 16))
    return to_integer(text.replace("_", ""), least=SMALLEST_INTEGER, most=LARGEST_INTEGER)
