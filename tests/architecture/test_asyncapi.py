# pyright: reportUnknownVariableType=false
"""The AsyncAPI document is fresh, of the standard's shape, and describes what is sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from pydantic import TypeAdapter

from shared.events import CATALOGUE
from tests.contract.golden import ALL, Golden
from tools.asyncapi import PREFIX, asyncapi
from tools.docs import ASYNCAPI

DOCUMENT: dict[str, Any] = json.loads(ASYNCAPI.read_text())
EVENTS = {each.__name__ for each in CATALOGUE if each.subject.template.startswith(PREFIX)}
ROOT_FIELDS = {
    *("asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations"),
    "components",
}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def resolved(reference: str) -> Any:
    assert reference.startswith("#/"), reference
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found["$ref"]) if "$ref" in found else found


def test_the_document_is_fresh() -> None:
    assert ASYNCAPI.read_text() == asyncapi(), "run `make docs`"


def test_another_reader_of_the_standard_understands_it() -> None:
    read = ApplicationSchema.model_validate(DOCUMENT)

    assert read.asyncapi == "3.0.0"
    assert set(read.channels) == EVENTS
    assert {operation.action.value for operation in read.operations.values()} == {"send"}


def test_the_root_has_the_fields_of_the_standard_and_no_others() -> None:
    assert set(DOCUMENT) <= ROOT_FIELDS
    assert {"asyncapi", "info"} <= set(DOCUMENT)
    assert {"title", "version"} <= set(DOCUMENT["info"])


def test_every_reference_leads_somewhere_in_the_document() -> None:
    found = list(references(DOCUMENT))

    assert found
    assert all(resolved(each) is not None for each in found)


def test_every_server_and_channel_has_what_the_standard_requires() -> None:
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server)
    for channel in DOCUMENT["channels"].values():
        assert channel["address"].startswith(PREFIX)
        assert channel["messages"]


def test_an_operation_sends_only_messages_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        assert operation["messages"]
        assert all(
            each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"]
        )


def test_every_event_for_tools_outside_has_a_channel() -> None:
    assert set(DOCUMENT["channels"]) == EVENTS


@pytest.mark.parametrize(
    "golden", [each for each in ALL if each.message in EVENTS], ids=lambda golden: golden.name
)
def test_what_was_sent_fits_the_schema(golden: Golden) -> None:
    schema = resolved(DOCUMENT["components"]["messages"][golden.message]["payload"]["$ref"])

    assert golden.subject == DOCUMENT["channels"][golden.message]["address"]
    assert set(schema["required"]) <= set(golden.payload) <= set(schema["properties"])
    for name, value in golden.payload.items():
        assert fits(schema["properties"][name], value), f"{name}: {value!r}"


KINDS: dict[str, TypeAdapter[Any]] = {
    "string": TypeAdapter(str),
    "integer": TypeAdapter(int),
    "boolean": TypeAdapter(bool),
    "array": TypeAdapter(list[Any]),
    "null": TypeAdapter(None),
}


def fits(schema: dict[str, Any], value: Any) -> bool:
    """Whether *value* is of the schema's type, as far as our events go."""
    if "$ref" in schema:
        return fits(resolved(schema["$ref"]), value)
    if "anyOf" in schema:
        return any(fits(each, value) for each in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list) and not all(fits(schema["items"], each) for each in value):
        return False
    try:
        KINDS[schema["type"]].validate_python(value, strict=True)
    except ValueError:
        return False
    return True


def test_the_check_itself_notices_what_does_not_fit() -> None:
    assert not fits({"type": "integer"}, "7")
    assert not fits({"enum": ["a"], "type": "string"}, "b")
    assert not fits({"type": "array", "items": {"type": "string"}}, [1])
