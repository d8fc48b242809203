"""Holds the control channel: a WebSocket that each endpoint keeps to a master.

The gateway sends the paths with their tickets, the session's state and its end. The endpoint
requests new paths or the session's end, says good-bye, and reports the node that the shared address
led to. A broken channel does not end the session: the endpoint connects again, here or at the other
master, and gets the last state again. One program alone holds a side (`attachments`).
"""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from services.gateway.access.accounts import Accounts
from services.gateway.access.address_limits import AddressLimit
from services.gateway.http.problems import answer_to
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress, bearer
from services.gateway.sessions.attachments import Attachments, Held
from services.gateway.sessions.core.attachment import connected_sides
from services.gateway.sessions.core.news import has_news_of_paths
from services.gateway.sessions.sessions import Sessions
from services.gateway.sessions.tickets import Tickets
from shared.api.channel import (
    ENDPOINT_HEADER,
    ENDPOINT_PATTERN,
    LONGEST_FROM_ENDPOINT,
    ChannelMessage,
    CloseCode,
    CloseRequested,
    EndLeft,
    FromEndpoint,
    NodeFound,
    PathsNeeded,
    PathsOffered,
    RequestRefused,
    SessionClosed,
    SessionReported,
    decode_from_endpoint,
)
from shared.domain.errors import (
    AlreadyConnected,
    MeridianError,
    Reserved,
    TooManyTokens,
    Unauthenticated,
)
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.session import SessionState
from shared.runtime.containment import Containment, ignore_fault

router = APIRouter()

LONGEST_REASON: Final = 200
LONGEST_CLOSE_REASON: Final = 120
"""Of the 125 bytes that a close frame holds, two are its code (RFC 6455 section 5.5)."""

CLOSE_CODES: Final[Mapping[type[MeridianError], CloseCode]] = {
    Unauthenticated: CloseCode.REFUSED,
    AlreadyConnected: CloseCode.TAKEN,
    Reserved: CloseCode.RESERVED,
}


@dataclass(frozen=True)
class ControlChannels:
    """The services that a control channel uses."""

    accounts: Accounts
    wrong_tokens: AddressLimit
    sessions: Sessions
    attachments: Attachments
    tickets: Tickets
    containment: Containment


@router.websocket("/sessions/{session}/channel")
async def channel(
    socket: WebSocket,
    session: SessionId,
    channels: Annotated[ControlChannels, Depends(provided(ControlChannels))],
    address: ClientAddress,
) -> None:
    """Hold one endpoint's control channel, until either side leaves."""
    try:
        held = _held(socket, channels, session, address)
    except TooManyTokens as error:
        await socket.send_denial_response(answer_to(error))
        return
    except Unauthenticated as error:
        await socket.accept()
        await _refuse(socket, error)
        return
    await socket.accept()
    try:
        await channels.attachments.attach(held)
    except MeridianError as error:
        await _refuse(socket, error)
        return
    try:
        await _talk(socket, channels, held)
    finally:
        channels.attachments.detach(held)
    await _close_failed(socket)


def _held(socket: WebSocket, channels: ControlChannels, session: SessionId, address: str) -> Held:
    """Find out which side of which session the endpoint's program holds.

    Raises:
        Unauthenticated: its token or its number is not accepted.
        TooManyTokens: *address* sent too many that were not.
    """
    with channels.wrong_tokens.attempt(address, Unauthenticated):
        side = channels.accounts.endpoint(bearer(socket), session)
    endpoint = socket.headers.get(ENDPOINT_HEADER, "")
    if not re.fullmatch(ENDPOINT_PATTERN, endpoint):
        raise Unauthenticated(f"{ENDPOINT_HEADER} is not a number of 32 hex digits")
    return Held(session, channels.attachments.program(side, endpoint))


async def _refuse(socket: WebSocket, error: MeridianError) -> None:
    """Say why the endpoint gets no channel: in words, and by the code that it closes with."""
    code = CLOSE_CODES.get(type(error), CloseCode.REFUSED)
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        if code is not CloseCode.REFUSED:
            await _send(socket, RequestRefused(code=error.code, message=error.message))
        await socket.close(code, error.message[:LONGEST_CLOSE_REASON])


async def _talk(socket: WebSocket, channels: ControlChannels, held: Held) -> None:
    """Send and receive until one direction ends."""
    with channels.sessions.view.listening(held.session) as states:
        start = partial(channels.containment.start, "control channel", held.session)
        sending = _send_states(socket, channels, held.by.side, states)
        down = start(_until_gone(socket, sending), ignore_fault)
        requests = _receive_requests(socket, channels, held)
        up = start(_until_gone(socket, requests), ignore_fault)
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            down.cancel()
            up.cancel()


async def _close_failed(socket: WebSocket) -> None:
    """Close a socket that is still open: one direction failed, and the endpoint connects again."""
    both = {socket.client_state, socket.application_state}
    if both == {WebSocketState.CONNECTED}:
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close(CloseCode.FAILED)


async def _until_gone(socket: WebSocket, talk: Awaitable[None]) -> None:
    """Run one direction until the endpoint is gone; it connects again."""
    try:
        await talk
    except (WebSocketDisconnect, OSError):
        return
    except RuntimeError:  # what the framework raises for a socket that the other direction closed
        if socket.application_state is WebSocketState.CONNECTED:
            raise


async def _send_states(
    socket: WebSocket, channels: ControlChannels, side: Side, states: asyncio.Queue[SessionState]
) -> None:
    seen: SessionState | None = None
    while True:
        state = await states.get()
        await _send(socket, _report(state))
        if state.phase is SessionPhase.CLOSED:
            reason = state.close_reason or CloseReason.OTHER
            await _send(socket, SessionClosed(reason=reason, message=state.close_message))
            await socket.close(CloseCode.ENDED, "closed")
            return
        if has_news_of_paths(seen, state, side):
            limits = channels.sessions.directory.require_site().session
            paths = channels.tickets.paths(state, side, limits)
            await _send(socket, PathsOffered(paths=paths))
        seen = state


def _report(state: SessionState) -> SessionReported:
    return SessionReported(
        phase=state.phase,
        ends=tuple(state.ends),
        connected=tuple(side for side in Side if side in connected_sides(state)),
        representative=state.representative,
    )


async def _receive_requests(socket: WebSocket, channels: ControlChannels, held: Held) -> None:
    while True:
        text = await _received(socket)
        if len(text) > LONGEST_FROM_ENDPOINT:
            await socket.close(CloseCode.TOO_LONG, "message too long")
            return
        try:
            await _carry_out(channels, held, decode_from_endpoint(text))
        except MeridianError as error:
            await _send(socket, RequestRefused(code=error.code, message=error.message))


async def _received(socket: WebSocket) -> str | bytes:
    """Receive what comes next, as text or not.

    Raises:
        WebSocketDisconnect: nothing will.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text: str | bytes = message.get("text") or message.get("bytes") or b""
    return text


async def _carry_out(channels: ControlChannels, held: Held, message: FromEndpoint | None) -> None:
    sessions, session, side = channels.sessions, held.session, held.by.side
    match message:
        case PathsNeeded():
            await sessions.place_again(session)
        case NodeFound():
            await sessions.name_node(session, side, message.generation, message.node)
        case EndLeft(message=text):
            await channels.attachments.say_goodbye(
                held, text[:LONGEST_REASON] or f"the {side} left"
            )
        case CloseRequested(reason=reason, message=text):
            message_shown = text[:LONGEST_REASON] or f"closed by the {side}"
            await sessions.close(session, reason, message_shown)
        case None:
            return


async def _send(socket: WebSocket, message: ChannelMessage) -> None:
    await socket.send_text(message.encode())
