"""Renders an event as one line: of text for people, of JSON for programs."""

import json
from datetime import UTC, datetime

from clients.events.filters import PREFIX
from clients.events.reader import RawEvent
from shared.crypto.node_signature import Statement
from shared.decoding.fields import decode_mapping
from shared.decoding.jsontext import decode_json


def format_moment(statement: Statement) -> str:
    """Format the time when the node signed the event, by the node's own clock."""
    moment = datetime.fromtimestamp(statement.unix_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{statement.unix_ms % 1000:03d}Z"


def as_line(raw: RawEvent, statement: Statement) -> str:
    """One line for people: the time, the node, the subject and the fields.

    Raises:
        Undecodable: a node signed what is no event.
    """
    body = decode_mapping(raw.payload, "event")
    fields = " ".join(f"{name}={_value(value)}" for name, value in body.items())
    return (
        f"{format_moment(statement)} {statement.node} {raw.subject.removeprefix(PREFIX)} {fields}"
    )


def as_object(raw: RawEvent, statement: Statement) -> str:
    """One line of JSON for programs.

    Raises:
        Undecodable: a node signed what is no event.
    """
    return json.dumps(
        {
            "sequence": raw.sequence,
            "id": statement.id,
            "time": format_moment(statement),
            "node": statement.node,
            "subject": raw.subject,
            "event": decode_json(raw.payload),
        }
    )


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    is_plain = bool(text) and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain or not isinstance(value, str) else json.dumps(value)
