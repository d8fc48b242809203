"""A good document for each declaration: its golden file, or one made from its schema.

A message has a golden file from its first day on (a test holds that), an answer has none: it is
made from what the model says of itself.
"""

from typing import Any, Final, cast

from pydantic import BaseModel

from tests.contract.golden import latest

DEEPEST: Final = 6
ANY_KEY: Final = "1"
"""A key of a map: a text, and a number where the map wants numbers."""

PLAIN: Final[dict[str, Any]] = {
    "string": "a",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
}


def sample_of(model: type[BaseModel]) -> dict[str, Any]:
    """A document that *model* takes."""
    golden = latest(model.__name__)
    return golden.payload if golden else from_schema(model)


def from_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A document with every field of *model*, as its JSON schema describes them."""
    schema = model.model_json_schema()
    made: dict[str, Any] = _made(schema, schema.get("$defs", {}), 0)
    return made


def _made(schema: dict[str, Any], named: dict[str, Any], depth: int) -> Any:
    schema = _resolved(schema, named)
    if "const" in schema or "enum" in schema:
        return schema.get("const", *schema.get("enum", ())[:1])
    match schema.get("type"):
        case "object":
            return _object(schema, named, depth)
        case "array":
            return _array(schema, named, depth)
        case str(kind):
            return _plain(schema, kind)
        case _:
            return {}


def _resolved(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, of the first alternative where there are several."""
    while True:
        choice = next((each for each in ("anyOf", "oneOf", "allOf") if each in schema), "")
        if choice:
            schema = schema[choice][0]
        elif "$ref" in schema:
            schema = named[schema["$ref"].rpartition("/")[2]]
        else:
            return schema


def _object(schema: dict[str, Any], named: dict[str, Any], depth: int) -> dict[str, Any]:
    fields: dict[str, Any] = schema.get("properties", {})
    inner: Any = schema.get("additionalProperties")
    if depth > DEEPEST:
        return {}
    if not fields and isinstance(inner, dict):
        key = _made(schema.get("propertyNames", {"const": ANY_KEY}), named, depth)
        return {str(key): _made(cast("dict[str, Any]", inner), named, depth + 1)}
    return {name: _made(each, named, depth + 1) for name, each in fields.items()}


def _array(schema: dict[str, Any], named: dict[str, Any], depth: int) -> list[Any]:
    if depth > DEEPEST:
        return []
    fixed: list[dict[str, Any]] = schema.get("prefixItems", [])
    if fixed:
        return [_made(each, named, depth + 1) for each in fixed]
    return [_made(schema["items"], named, depth + 1)] if schema.get("items") else []


def _plain(schema: dict[str, Any], kind: str) -> Any:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    if kind in {"integer", "number"} and least is not None:
        return least + 1
    if kind == "string":
        return "a" * max(1, schema.get("minLength", 1))
    return PLAIN[kind]
