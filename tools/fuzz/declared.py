"""A valid instance of any declared message, so that a message added tomorrow is fuzzed as it is."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

from shared.events.message import Message

Schema = Mapping[str, Any]

WORD: Final = "alpha"
BY_NAME: Final[Mapping[str, Any]] = {
    "address": "198.51.100.7",
    "hash": "0" * 64,
    "host": "berlin.example.com",
    "timezone": "Europe/Berlin",
    "exclude": "bravo",
}
"""Values of members whose text is more than a word."""

KEYS: Final[Mapping[str, str]] = {"hashes": "7", "ends": "customer", "attached": "customer"}
"""Names in tables whose names are more than words."""


@cache
def example(message: type[Message]) -> dict[str, Any]:
    """What *message* takes: every member given, each with the plainest value."""
    schema = message.model_json_schema()
    named: Schema = schema.get("$defs", {})
    value: dict[str, Any] = _value("", schema, named)
    message.model_validate(value)
    return value


def _value(name: str, schema: Schema, named: Schema) -> Any:
    choices: list[Schema] = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if "$ref" in schema:
        return _value(name, named[str(schema["$ref"]).rpartition("/")[2]], named)
    if choices:
        return _value(name, choices[0], named)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if schema.get("type") == "object":
        return _members(name, schema, named)
    return _items(name, schema, named) if schema.get("type") == "array" else _plain(name, schema)


def _plain(name: str, schema: Schema) -> Any:
    match schema.get("type"):
        case "integer":
            return int(schema.get("minimum", 0)) + 1
        case "number":
            return float(schema.get("minimum", 0)) + 0.5
        case "boolean":
            return True
        case _:
            return BY_NAME.get(name, WORD)


def _members(name: str, schema: Schema, named: Schema) -> dict[str, Any]:
    properties: Schema = schema.get("properties", {})
    other: Any = schema.get("additionalProperties")
    if isinstance(other, dict) and not properties:
        return {KEYS.get(name, WORD): _value(name, cast("Schema", other), named)}
    return {member: _value(member, each, named) for member, each in properties.items()}


def _items(name: str, schema: Schema, named: Schema) -> list[Any]:
    if "prefixItems" in schema:
        return [_value(name, each, named) for each in schema["prefixItems"]]
    return [_value(name, schema.get("items", {}), named)]
