"""Reads from a request what routes need: token, client address, request id and entity tag."""

import secrets
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from shared.decoding.errors import Undecodable
from shared.decoding.text import to_integer
from shared.domain.errors import InvalidChange, Unauthenticated
from shared.domain.ids import RequestId, Revision


def bearer(connection: HTTPConnection) -> str:
    """Read the token that came with the request.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("sign in first: no bearer token came with the request")
    return token


Bearer = Annotated[str, Depends(bearer)]


async def client_address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "unknown"


ClientAddress = Annotated[str, Depends(client_address)]


async def request_id(
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> RequestId:
    """Read the caller's own id of the change, or draw one."""
    return RequestId(idempotency_key or secrets.token_hex(16))


TheRequestId = Annotated[RequestId, Depends(request_id)]


def expected_revision(
    if_match: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Revision | None:
    """Read the revision that the caller saw: `If-Match: "7"`; 0 for `If-None-Match: *`.

    Raises:
        InvalidChange: the header is no entity tag of ours.
    """
    if if_none_match is not None and if_none_match.strip() == "*":
        return Revision(0)
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    try:
        return Revision(to_integer(tag))
    except Undecodable as error:
        raise InvalidChange(
            f"If-Match: {if_match} is no entity tag of this site", field="If-Match"
        ) from error


ExpectedRevision = Annotated[Revision | None, Depends(expected_revision)]
