"""Posts the new primary to the hook's web address.

The body is signed when there is a key (header `Meridian-Signature`, `sha256=` and the HMAC in
hexadecimal digits). A redirecting answer is not followed: only the address in the configuration
is notified.
"""

import hashlib
import hmac
import json
from typing import Final
from urllib.parse import urlsplit

import httpx

from services.failover_monitor.redirection.core import DesiredState
from shared.domain.containment import describe_error, shorten
from shared.domain.errors import RedirectionFailed

SIGNATURE_HEADER: Final = "Meridian-Signature"


async def post(url: str, key: bytes, desired: DesiredState) -> None:
    """Post *desired* to *url*; the caller sets the time limit.

    Raises:
        RedirectionFailed: it does not answer, or with another status than 2xx.
    """
    body = json.dumps(
        {
            "site": desired.site,
            "node": desired.node,
            "epoch": desired.epoch,
            "gateway_url": desired.gateway_url,
        }
    ).encode()
    headers = {"Content-Type": "application/json"}
    if key:
        headers[SIGNATURE_HEADER] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    host = urlsplit(url).hostname  # the rest of the address may be a secret
    try:
        async with (
            httpx.AsyncClient(timeout=None, follow_redirects=False) as client,  # noqa: S113
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except Exception as error:  # the library asserts on bad answers; that is no fault of ours
        why = shorten(describe_error(error))
        raise RedirectionFailed(f"the webhook on {host} cannot be notified: {why}") from error
    if not answer.is_success:
        raise RedirectionFailed(f"the webhook on {host} answered {status}")
