"""Signs what a webhook's receiver gets, as the Standard Webhooks specification does (v1).

The receiver has a secret of its own and needs nothing of the cluster. Source: the specification
"Standard Webhooks" 1.0.0, section *Signature scheme*; any of its libraries verifies these.
"""

import base64
import hashlib
import hmac
from typing import Final

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every such secret begins with


def shown_secret(secret: bytes) -> str:
    """Return *secret* as the receiver is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def delivery_headers(secret: bytes, id_: str, unix_seconds: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt to deliver *body*, made at *unix_seconds*."""
    covered = f"{id_}.{unix_seconds}.".encode() + body
    proof = base64.b64encode(hmac.digest(secret, covered, hashlib.sha256)).decode()
    return {
        ID_HEADER: id_,
        TIMESTAMP_HEADER: str(unix_seconds),
        SIGNATURE_HEADER: f"v1,{proof}",
    }
