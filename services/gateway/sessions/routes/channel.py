"""Holds the control channel: a WebSocket that each endpoint keeps to a master.

The gateway sends the paths with their tickets, the session's state and its end. The endpoint
requests new paths or the session's end, and reports the node that the shared address led to. A
broken channel does not end the session: the endpoint connects again, here or at the other master,
and gets the last state again.
"""

import asyncio
from collections.abc import Awaitable
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
from services.gateway.sessions.sessions import Sessions
from services.gateway.sessions.tickets import Tickets
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
from shared.domain.errors import MeridianError, TooManyTokens, Unauthenticated
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.session import SessionState
from shared.runtime.containment import Containment, ignore_fault

router = APIRouter()

LONGEST_REASON: Final = 200


@dataclass(frozen=True)
class ControlChannels:
    """The services that a control channel uses."""

    accounts: Accounts
    wrong_tokens: AddressLimit
    sessions: Sessions
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
        with channels.wrong_tokens.attempt(address, Unauthenticated):
            side = channels.accounts.endpoint(bearer(socket), session)
    except TooManyTokens as error:
        await socket.send_denial_response(answer_to(error))
        return
    except Unauthenticated as error:
        await socket.accept()
        await socket.close(CloseCode.REFUSED, error.message)
        return
    await socket.accept()
    with channels.sessions.view.listening(session) as states:
        start = partial(channels.containment.start, "control channel", session)
        down = start(
            _until_gone(socket, _send_states(socket, channels, side, states)), ignore_fault
        )
        requests = _receive_requests(socket, channels.sessions, session, side)
        up = start(_until_gone(socket, requests), ignore_fault)
        try:
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            down.cancel()
            up.cancel()
    await _close_failed(socket)


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
    while True:
        state = await states.get()
        await _send(socket, _report(state))
        if state.phase is SessionPhase.CLOSED:
            reason = state.close_reason or CloseReason.OTHER
            await _send(socket, SessionClosed(reason=reason, message=state.close_message))
            await socket.close(CloseCode.ENDED, "closed")
            return
        if state.paths or (state.shared_path is not None and state.shared_path.first is side):
            limits = channels.sessions.directory.require_site().session
            paths = channels.tickets.paths(state, side, limits)
            await _send(socket, PathsOffered(paths=paths))


def _report(state: SessionState) -> SessionReported:
    return SessionReported(
        phase=state.phase, ends=tuple(state.ends), representative=state.representative
    )


async def _receive_requests(
    socket: WebSocket, sessions: Sessions, session: SessionId, side: Side
) -> None:
    while True:
        text = await _received(socket)
        if len(text) > LONGEST_FROM_ENDPOINT:
            await socket.close(CloseCode.TOO_LONG, "message too long")
            return
        try:
            await _carry_out(sessions, session, side, decode_from_endpoint(text))
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


async def _carry_out(
    sessions: Sessions, session: SessionId, side: Side, message: FromEndpoint | None
) -> None:
    match message:
        case PathsNeeded():
            await sessions.place_again(session)
        case NodeFound():
            await sessions.name_node(session, side, message.generation, message.node)
        case CloseRequested(reason=reason, message=text):
            message_shown = text[:LONGEST_REASON] or "closed by an endpoint"
            await sessions.close(session, reason, message_shown)
        case None:
            return


async def _send(socket: WebSocket, message: ChannelMessage) -> None:
    await socket.send_text(message.encode())
