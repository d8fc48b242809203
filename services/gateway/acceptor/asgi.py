"""Wraps the API: requests get their client's address, answers the headers that protect them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from services.gateway.acceptor.core.forwarded import client_address
from services.gateway.acceptor.core.security_headers import is_dns_name, security_headers
from shared.domain.source import Networks

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

FORWARDED_FOR: Final = b"x-forwarded-for"


class GuardedApi:
    """The ASGI application *api* behind proxies in *trusted*, at a site named *host*."""

    def __init__(self, api: App, trusted: Networks, host: str) -> None:
        self._api = api
        self._trusted = trusted
        self._has_name = is_dns_name(host)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._trusted:
            self._name_client(scope)
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        path: str = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + security_headers(
                    path, present, has_name=self._has_name
                )
            await send(message)

        await self._api(scope, receive, send_with_headers)

    def _name_client(self, scope: Message) -> None:
        peer: tuple[str, int] | None = scope.get("client")
        if peer is None:
            return
        values = [
            value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED_FOR
        ]
        address = client_address(peer[0], values, self._trusted)
        if address != peer[0]:
            scope["client"] = (address, 0)
