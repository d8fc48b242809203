"""Reads the bodies of requests within bounds: more than a few only where a route says so.

A route's bound holds for the announced length and for what really comes, so a body of unknown
length is counted while it streams. A route that takes more than `SHORT_BODY_BYTES` finds out first
who calls, from the header: strangers make the site keep nothing.
"""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import FILE, decode_json
from shared.decoding.text import to_integer
from shared.domain.errors import TooLarge

SHORT_BODY_BYTES: Final = 64 * 1024

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
    """A route that takes short bodies."""

    longest_body_bytes: ClassVar[int] = SHORT_BODY_BYTES

    async def admit_body(self, request: Request) -> None:
        """Let the body of *request* be read; a route that takes long ones refuses strangers."""

    def get_route_handler(self) -> Handler:
        """Return the route's handler, which is given a `DecodedRequest` within bounds."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            receive = request.receive
            announced = announced_bytes(request)
            if announced != 0:
                await self.admit_body(request)
                receive = bounded_receive(request, announced, self.longest_body_bytes)
            return await handle(DecodedRequest(request.scope, receive))

        return bounded


def announced_bytes(request: Request) -> int | None:
    """Return the announced length of a body; None when it is sent without one.

    Raises:
        TooLarge: the length is no number that a body could have.
    """
    if "transfer-encoding" in request.headers:
        return None
    try:
        return to_integer(request.headers.get("content-length", "0"))
    except Undecodable as error:
        raise TooLarge("the length of the body is no number") from error


def bounded_receive(request: Request, announced: int | None, longest: int) -> Receive:
    """Return what receives the body of *request*, and stops at *longest* bytes.

    Raises:
        TooLarge: the announced length is longer; nothing is received.
    """
    if announced is not None and announced > longest:
        raise too_large(longest)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > longest:
            raise too_large(longest)
        return message

    return receive


def too_large(longest: int) -> TooLarge:
    return TooLarge(f"this takes at most {longest:,} bytes", limit_bytes=longest)
