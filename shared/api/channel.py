"""The control channel: the WebSocket that each endpoint keeps to a master.

```
GET /api/v1/sessions/{session}/channel      Authorization: Bearer <endpoint token>
                                            Meridian-Endpoint: <number of this program>

gateway -> endpoint   state      phase, ends that joined and that are connected, representative
                                 first, and whenever it changes
                      paths      every path of the session, with tickets for this side
                      closed     reason, message: the session is over; then close code 4410
                      error      code, message: what the endpoint asked cannot be done now
endpoint -> gateway   need_paths no path is left: choose others
                      waits_at   generation, node: where the shared address led the first end
                      leave      message: this program ends; the session waits for another one
                      close      reason, message: end the session for both ends
```

Each message is one JSON object in one text frame. A message of a type that the reader does not know
is passed by, so is a member that it does not know: either side may be of a later release.
Each program draws a number of 32 hex digits once, and names it on every channel: one program alone
holds a side of a session.
A channel that breaks ends nothing: the endpoint comes again, here or at another master, and gets
the last state anew.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Literal, TypeVar

from pydantic import Field, field_validator

from shared.api.model import ApiModel
from shared.decoding.fields import decode_object
from shared.decoding.model import read_model
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.path import Path
from shared.domain.session import CloseReason, SessionPhase

PATH: Final = "/api/v1/sessions/{session}/channel"
ENDPOINT_HEADER: Final = "Meridian-Endpoint"
ENDPOINT_PATTERN: Final = "[0-9a-f]{32}"
LONGEST_FROM_ENDPOINT: Final = 4_096
LONGEST_FROM_GATEWAY: Final = 256 * 1024
LARGEST_PORT: Final = 65_535


class CloseCode(IntEnum):
    """The codes that the gateway closes a WebSocket with (RFC 6455 section 7.4; ours from 4000)."""

    TOO_LONG = 1009
    """The endpoint's message was too long; it comes again."""
    FAILED = 1011
    """The gateway failed at this channel; the endpoint comes again."""
    STOPPING = 1012
    """The gateway ends; the endpoint comes again, to another one."""
    RESERVED = 1013
    """Another program held this side until a moment ago; the endpoint comes again."""
    REFUSED = 4401
    """The endpoint's token is not accepted, here or at any other master."""
    TAKEN = 4409
    """Another program is connected as this side of the session."""
    ENDED = 4410
    """The session is over."""


class ChannelMessage(ApiModel):
    """A message in either direction; its *type* says which."""

    def encode(self) -> str:
        return self.model_dump_json()


class SessionReported(ChannelMessage):
    """The session's phase, which ends have joined, and who represents the site.

    *connected* are the ends whose programs hold a control channel at the moment.
    """

    type: Literal["state"] = "state"
    phase: SessionPhase
    ends: tuple[Side, ...] = ()
    connected: tuple[Side, ...] = ()
    representative: str = ""


class PathsOffered(ChannelMessage):
    """Every path of the session, with tickets for this side."""

    type: Literal["paths"] = "paths"
    paths: tuple[Path, ...]

    @field_validator("paths")
    @classmethod
    def _require_ports(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        if any(not 0 < path.port <= LARGEST_PORT or path.generation < 0 for path in paths):
            raise ValueError("a path's port is from 1 to 65535, its generation at least 0")
        return paths


class SessionClosed(ChannelMessage):
    """The session is over; *message* is a sentence for people."""

    type: Literal["closed"] = "closed"
    reason: CloseReason = CloseReason.OTHER
    message: str = ""


class RequestRefused(ChannelMessage):
    """The gateway cannot do now what the endpoint asked for."""

    type: Literal["error"] = "error"
    code: str = "error"
    message: str


class PathsNeeded(ChannelMessage):
    """The endpoint has no path of the session left."""

    type: Literal["need_paths"] = "need_paths"


class NodeFound(ChannelMessage):
    """The address that all relays share led to *node*, on path *generation*."""

    type: Literal["waits_at"] = "waits_at"
    generation: PathGeneration = Field(ge=0, strict=True)
    node: NodeId


class EndLeft(ChannelMessage):
    """This program ends, and the session waits for another one; *message* is for people."""

    type: Literal["leave"] = "leave"
    message: str = ""


class CloseRequested(ChannelMessage):
    """The endpoint ends the session for both ends; *message* is a sentence for people."""

    type: Literal["close"] = "close"
    reason: CloseReason = CloseReason.OTHER
    message: str = ""


FromGateway = SessionReported | PathsOffered | SessionClosed | RequestRefused
FromEndpoint = PathsNeeded | NodeFound | EndLeft | CloseRequested

FROM_GATEWAY: Final[Mapping[str, type[FromGateway]]] = {
    "state": SessionReported,
    "paths": PathsOffered,
    "closed": SessionClosed,
    "error": RequestRefused,
}
FROM_ENDPOINT: Final[Mapping[str, type[FromEndpoint]]] = {
    "need_paths": PathsNeeded,
    "waits_at": NodeFound,
    "leave": EndLeft,
    "close": CloseRequested,
}

M = TypeVar("M", bound=ChannelMessage)


def channel_path(session: SessionId) -> str:
    """Return the path of the channel of *session*, the same at every gateway."""
    return PATH.format(session=session)


def decode_from_gateway(data: str | bytes) -> FromGateway | None:
    """The gateway's message; None for one of a type that this release does not know.

    Raises:
        Undecodable: it is no message.
    """
    return _decoded(FROM_GATEWAY, data)


def decode_from_endpoint(data: str | bytes) -> FromEndpoint | None:
    """The endpoint's message; None for one of a type that this release does not know.

    Raises:
        Undecodable: it is no message.
    """
    return _decoded(FROM_ENDPOINT, data)


def _decoded(models: Mapping[str, type[M]], data: str | bytes) -> M | None:
    fields = decode_object(data, "message")
    model = models.get(fields.text("type"))
    return None if model is None else read_model(model, fields.members)
