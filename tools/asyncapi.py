"""The AsyncAPI 3 document of what a site tells tools outside, from `shared.events.CATALOGUE`.

One channel for each event on `meridian.event.>`; the schemas are those of the payloads. The
application that the document describes is the site: it sends.
"""

import inspect
import json
from typing import Any, Final

from shared.crypto.node_signature import NODE_SIGNATURE_HEADER
from shared.events import CATALOGUE
from shared.events.message import Event

PREFIX: Final = "meridian.event."
SCHEMAS: Final = "#/components/schemas/"
VERSION: Final = "1.0.0"
"""Of the document's own shape; events have versions of their own, and only ever grow."""


def asyncapi() -> str:
    """The document, as JSON."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> dict[str, Any]:
    """The document."""
    events = [each for each in CATALOGUE if each.subject.template.startswith(PREFIX)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of a Meridian site",
            "version": VERSION,
            "description": "What happens in a site, for tools outside; docs/events.md says how to "
            "read and verify it. Readers ignore fields that they do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "site": {
                "host": "{host}:4222",
                "pathname": "",
                "protocol": "nats",
                "description": "Any NATS server of the site; JetStream stream EVENTS.",
                "variables": {"host": {"description": "A master, or the witness."}},
                "security": [{"$ref": "#/components/securitySchemes/reader"}],
            }
        },
        "channels": {each.__name__: _channel(each) for each in events},
        "operations": {f"tell{each.__name__}": _operation(each) for each in events},
        "components": {
            "messages": {each.__name__: _message(each) for each in events},
            "schemas": {"Headers": _headers(), **_schemas(events)},
            "securitySchemes": {
                "reader": {
                    "type": "userPassword",
                    "description": "The read-only user `events`, inbox prefix _INBOX.events.",
                }
            },
        },
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    name = event.__name__
    return {
        "address": event.subject.template,
        "description": _described(event),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(event: type[Event]) -> dict[str, Any]:
    channel = f"#/channels/{event.__name__}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.__name__,
        "summary": _described(event),
        "contentType": "application/json",
        "headers": {"$ref": f"{SCHEMAS}Headers"},
        "payload": {"$ref": f"{SCHEMAS}{event.__name__}"},
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "required": [NODE_SIGNATURE_HEADER],
        "properties": {
            NODE_SIGNATURE_HEADER: {
                "type": "string",
                "description": "1;node;unix_ms;id;Ed25519 signature (base64) over what stands "
                "before it, a line feed, the subject, a line feed, and the payload.",
            }
        },
    }


def _schemas(events: list[type[Event]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        schema = event.model_json_schema(ref_template=SCHEMAS + "{model}")
        found |= schema.pop("$defs", {})
        found[event.__name__] = {**schema, "description": _described(event)}
    return dict(sorted(found.items()))


def _described(event: type[Event]) -> str:
    return " ".join((inspect.getdoc(event) or "").split("\n\n")[0].split())
