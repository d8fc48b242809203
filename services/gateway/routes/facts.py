"""What an endpoint says of itself, as the front door takes it: bounded, and believed by nobody.

Facts only rank nodes. What makes no sense is left out with a note, so that a machine with a broken
clock still gets its session; a body that is far too large is refused before it is read.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from services.gateway.core.access import Caller
from services.gateway.core.pins import require_traffic_node
from services.gateway.routes.door import Door
from shared.domain.errors import TooLarge, Unavailable
from shared.domain.ids import NODE_ID_PATTERN, NodeId
from shared.domain.node import Side
from shared.events.selection import ClientFacts

MOST_MEASUREMENTS: Final = 64
LONGEST_BODY_BYTES: Final = 64 * 1024


class EndpointFacts(BaseModel):
    """What an endpoint says of itself; nothing in it is trusted further than to rank nodes.

    *latency_ages_seconds* says how long ago something was measured, *last_node* by which node its
    session before went.
    """

    utc_offset_minutes: float | None = None
    latencies_ms: dict[str, float] = Field(default_factory=dict, max_length=MOST_MEASUREMENTS)
    latency_ages_seconds: dict[str, float] = Field(
        default_factory=dict, max_length=MOST_MEASUREMENTS
    )
    last_node: str | None = Field(default=None, pattern=f"^{NODE_ID_PATTERN}$")

    def as_facts(self, address: str, side: Side) -> ClientFacts:
        """The facts of the end at *side*; what makes no sense is left out, with a note."""
        told = self.model_dump(include=set(EndpointFacts.model_fields))
        return ClientFacts.model_validate({**told, "address": address, "side": side})


class RepresentativeFacts(EndpointFacts):
    """The same of a representative, who may ask for one *node*."""

    node: str | None = Field(default=None, max_length=63)


async def pin_for(door: Door, caller: Caller, facts: RepresentativeFacts) -> NodeId | None:
    """The node that a session of *caller* is pinned to: asked for now, or the user's own.

    Raises:
        NotFound: there is no such traffic node.
    """
    if facts.node is not None:
        return require_traffic_node(door.directory.nodes, NodeId(facts.node))
    try:
        user = await door.accounts.user(caller.user)
    except Unavailable:
        return None
    return NodeId(user.pinned_node) if user is not None and user.pinned_node else None


class SmallBody(APIRoute):
    """A route that anybody may call, and that nobody may feed with more than it can use."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind a look at the length that the request announces."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            _require_small(request)
            return await handle(request)

        return bounded


def _require_small(request: Request) -> None:
    """Let a short body pass; one of unknown length is refused like a long one.

    Raises:
        TooLarge: it is longer, or does not say how long it is.
    """
    told = request.headers.get("content-length", "")
    is_streamed = "transfer-encoding" in request.headers
    if is_streamed or (told.isdecimal() and int(told) > LONGEST_BODY_BYTES):
        raise TooLarge(
            f"this takes at most {LONGEST_BODY_BYTES:,} bytes, with their number announced",
            limit_bytes=LONGEST_BODY_BYTES,
        )
