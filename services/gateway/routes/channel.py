"""The control channel: a WebSocket that each endpoint keeps to a master.

Down come the paths with their tickets, the session's state and its end; up come the wish for new
paths, the node that the shared address led to, and the wish to end. A channel that breaks ends
nothing: the endpoint comes again, here or at the other master, and gets the last state anew.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from services.gateway.core.shared_path import Found
from services.gateway.routes.door import Door, bearer
from shared.api.channel import (
    LONGEST_FROM_ENDPOINT,
    ChannelMessage,
    CloseCode,
    CloseRequested,
    FromEndpoint,
    NodeFound,
    PathsNeeded,
    PathsOffered,
    RequestRefused,
    SessionClosed,
    SessionReported,
    decode_from_endpoint,
)
from shared.domain.errors import MeridianError, NotFound, Unauthenticated
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.session import SessionState
from shared.runtime.containment import ignore_fault

router = APIRouter()

LONGEST_REASON: Final = 200


@router.websocket("/sessions/{session}/channel")
async def channel(socket: WebSocket, session: SessionId) -> None:
    """One endpoint's control channel, until either side leaves."""
    door: Door = socket.app.state.door
    await socket.accept()
    try:
        side = door.accounts.endpoint(bearer(socket), session)
    except Unauthenticated as error:
        await socket.close(CloseCode.REFUSED, error.message)
        return
    with door.view.listening(session) as states:
        start = partial(door.containment.start, "control channel", session)
        down = start(_until_gone(socket, _tell(socket, door, side, states)), ignore_fault)
        up = start(_until_gone(socket, _listen(socket, door, session, side)), ignore_fault)
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            down.cancel()
            up.cancel()
    await _leave(socket)


async def _leave(socket: WebSocket) -> None:
    """Close what neither side has closed: one direction failed, and the endpoint comes again."""
    both = {socket.client_state, socket.application_state}
    if both == {WebSocketState.CONNECTED}:
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close(CloseCode.FAILED)


async def _until_gone(socket: WebSocket, talk: Awaitable[None]) -> None:
    """Talk in one direction; an endpoint that is gone is no news, it comes again."""
    try:
        await talk
    except (WebSocketDisconnect, OSError):
        return
    except RuntimeError:  # what the framework says of a socket that the other direction closed
        if socket.application_state is WebSocketState.CONNECTED:
            raise


async def _tell(
    socket: WebSocket, door: Door, side: Side, states: asyncio.Queue[SessionState]
) -> None:
    while True:
        state = await states.get()
        await _send(socket, _report(state))
        if state.phase is SessionPhase.CLOSED:
            reason = state.close_reason or CloseReason.OTHER
            await _send(socket, SessionClosed(reason=reason, message=state.close_message))
            await socket.close(CloseCode.ENDED, "closed")
            return
        if state.paths or (state.shared_path is not None and state.shared_path.first is side):
            paths = door.sessions.paths(state, side, door.site().session)
            await _send(socket, PathsOffered(paths=paths))


def _report(state: SessionState) -> SessionReported:
    return SessionReported(
        phase=state.phase, ends=tuple(state.ends), representative=state.representative
    )


async def _listen(socket: WebSocket, door: Door, session: SessionId, side: Side) -> None:
    while True:
        text = await _received(socket)
        if len(text) > LONGEST_FROM_ENDPOINT:
            await socket.close(CloseCode.TOO_LONG, "message too long")
            return
        try:
            await _obey(door, session, side, decode_from_endpoint(text))
        except MeridianError as error:
            await _send(socket, RequestRefused(code=error.code, message=error.message))


async def _received(socket: WebSocket) -> str | bytes:
    """What comes next, as text or not.

    Raises:
        WebSocketDisconnect: nothing will.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text: str | bytes = message.get("text") or message.get("bytes") or b""
    return text


async def _obey(door: Door, session: SessionId, side: Side, message: FromEndpoint | None) -> None:
    match message:
        case PathsNeeded():
            door.view.learned(await door.sessions.place_again(session))
        case NodeFound():
            door.view.learned(await _named(door, session, side, message))
        case CloseRequested(reason=reason, message=told):
            sentence = told[:LONGEST_REASON] or "closed by an endpoint"
            door.view.learned(await door.sessions.close(session, reason, sentence))
        case None:
            return


async def _named(door: Door, session: SessionId, side: Side, message: NodeFound) -> SessionState:
    """The first end says where the shared address led it; its word is not taken for an address.

    Raises:
        NotFound: the site has no such relay.
    """
    known = door.directory.nodes.get(message.node)
    if known is None or known.public_address is None:
        raise NotFound(f"the site has no relay {message.node} that others could reach")
    found = Found(side, message.generation, message.node, known.public_address)
    return await door.sessions.name_node(session, found)


async def _send(socket: WebSocket, message: ChannelMessage) -> None:
    await socket.send_text(message.encode())
