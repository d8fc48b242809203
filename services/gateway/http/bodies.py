"""Reads the bodies of requests within bounds; routes without authentication take short ones."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import FILE, decode_json
from shared.decoding.text import to_integer
from shared.domain.errors import TooLarge

LONGEST_BODY_BYTES: Final = 64 * 1024

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DecodedRequest(Request):
    """A request whose JSON is read within bounds."""

    async def json(self) -> Any:
        """Read the value in the body.

        Raises:
            Undecodable: it is none.
        """
        return decode_json(await self.body(), FILE)


class DecodedRoute(APIRoute):
    """A route that takes JSON."""

    def get_route_handler(self) -> Handler:
        """Return the route's handler, which is given a `DecodedRequest`."""
        handle = super().get_route_handler()

        async def decoded(request: Request) -> Response:
            return await handle(DecodedRequest(request.scope, request.receive))

        return decoded


class SmallBody(DecodedRoute):
    """A route without authentication, which refuses bodies longer than it can use."""

    def get_route_handler(self) -> Handler:
        """Return the route's handler, called only when the announced length is small enough."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            _require_small(request)
            return await handle(request)

        return bounded


def _require_small(request: Request) -> None:
    """Let a short body pass; a body of unknown length counts as long.

    Raises:
        TooLarge: it is longer, or of unknown length.
    """
    try:
        announced = to_integer(request.headers.get("content-length", "0"))
    except Undecodable:
        announced = LONGEST_BODY_BYTES + 1
    if "transfer-encoding" in request.headers or announced > LONGEST_BODY_BYTES:
        raise TooLarge(
            f"this takes at most {LONGEST_BODY_BYTES:,} bytes, with their number announced",
            limit_bytes=LONGEST_BODY_BYTES,
        )
