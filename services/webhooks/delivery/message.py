"""Makes what the receiver of a webhook gets for one event: checked, wrapped and signed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.webhooks.delivery.consumers import StoredEvent
from shared.crypto.envelope import SIGNATURE_HEADER, Verifier
from shared.crypto.webhooks import delivery_headers
from shared.decoding.fields import decode_mapping
from shared.documents.webhook import PREFIX

CONTENT_TYPE: Final = "content-type"
AGENT: Final = "Meridian-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one receiver; *id* is the same at every attempt."""

    id: str
    body: bytes

    def headers(self, secret: bytes, unix_ms: int) -> dict[str, str]:
        """Return the headers of an attempt at *unix_ms*."""
        signed = delivery_headers(secret, self.id, unix_ms // 1_000, self.body)
        return {CONTENT_TYPE: "application/json", "user-agent": AGENT, **signed}


def build_delivery(event: StoredEvent, verifier: Verifier) -> Delivery:
    """Build the delivery of *event*: check its signature and wrap it.

    Raises:
        BadSignature: no member of the cluster signed it.
        Undecodable: it is no event.
    """
    header, kind = event.headers.get(SIGNATURE_HEADER, ""), event.headers.get(CONTENT_TYPE, "")
    signed = verifier.check(event.subject, header, kind, event.payload, live=False)
    decode_mapping(event.payload, "event")
    happened = datetime.fromtimestamp(signed.unix_ms / 1_000, UTC)
    id_ = f"{signed.boot}.{signed.counter}"
    head = json.dumps(
        {
            "type": event.subject.removeprefix(PREFIX),
            "timestamp": happened.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "node": signed.identity.node,
            "id": id_,
        }
    )
    # The event itself goes on byte by byte as it was signed.
    return Delivery(id_, head[:-1].encode() + b', "data": ' + event.payload + b"}")
