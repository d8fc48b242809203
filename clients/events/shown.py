"""An event as people and programs see it."""

import json
from datetime import UTC, datetime

from clients.events.reading import Raw
from clients.events.wishes import PREFIX
from shared.crypto.node_signature import Statement
from shared.decoding.fields import decode_mapping
from shared.decoding.jsontext import decode_json


def moment(said: Statement) -> str:
    """When the node said it, by its own clock."""
    at = datetime.fromtimestamp(said.unix_ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{said.unix_ms % 1000:03d}Z"


def as_line(raw: Raw, said: Statement) -> str:
    """One line for people: when, which node, what, and its fields.

    Raises:
        Undecodable: a node signed what is no event.
    """
    body = decode_mapping(raw.payload, "event")
    fields = " ".join(f"{name}={_value(value)}" for name, value in body.items())
    return f"{moment(said)} {said.node} {raw.subject.removeprefix(PREFIX)} {fields}"


def as_object(raw: Raw, said: Statement) -> str:
    """One line of JSON for programs.

    Raises:
        Undecodable: a node signed what is no event.
    """
    return json.dumps(
        {
            "sequence": raw.sequence,
            "id": said.id,
            "time": moment(said),
            "node": said.node,
            "subject": raw.subject,
            "event": decode_json(raw.payload),
        }
    )


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    is_plain = bool(text) and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain or not isinstance(value, str) else json.dumps(value)
