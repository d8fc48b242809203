"""Changes the configuration all along, and remembers which changes were acknowledged."""

import asyncio
import itertools
import secrets
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ATTEMPT_SECONDS = 3.0
FIRST_PAGE = "/api/v1/users?limit=1000"


@dataclass
class ChangeWriter:
    """Creates one auditor after another; each name is a change that must never be lost.

    *acknowledged* holds (name, when it was first proposed, when it was acknowledged), on this
    process's monotonic clock.
    """

    gateways: tuple[str, ...]
    ca_file: Path
    password: str
    prefix: str = "change"
    acknowledged: list[tuple[str, float, float]] = field(
        default_factory=list[tuple[str, float, float]]
    )

    async def run(self, stop: asyncio.Event) -> None:
        """Propose changes, each until it is acknowledged, until *stop* is set."""
        async with self.client() as client:
            token = await self.signed_in(client, stop)
            for number in itertools.count(1):
                if stop.is_set():
                    return
                await self._change(client, token, f"{self.prefix}-{number:05d}", stop)

    async def propose_once(self, name: str) -> dict[str, Any]:
        """Make the change *name* and give the site's answer."""
        async with self.client() as client:
            token = await self.signed_in(client, asyncio.Event())
            answer = await self._change(client, token, name, asyncio.Event())
        assert answer is not None, "nobody says stop"
        return answer

    async def found(self) -> set[str]:
        """The names of the users that the site has now."""
        async with self.client() as client:
            token = await self.signed_in(client, asyncio.Event())
            names: set[str] = set()
            path: str | None = FIRST_PAGE
            while path is not None:
                page = await self._page(client, token, path)
                names |= {user["id"] for user in page["items"]}
                path = page["next"]
        return names

    async def _page(self, client: httpx.AsyncClient, token: str, path: str) -> dict[str, Any]:
        for gateway in itertools.cycle(self.gateways):
            try:
                answer = await client.get(f"{gateway}{path}", headers=_bearer(token))
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
                continue
            return dict(answer.json())
        raise AssertionError("the gateways never end")

    def client(self) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.AsyncClient(verify=context, timeout=ATTEMPT_SECONDS)

    async def signed_in(self, client: httpx.AsyncClient, stop: asyncio.Event) -> str:
        body = {"username": "admin", "password": self.password}
        for gateway in itertools.cycle(self.gateways):
            try:
                answer = await client.post(f"{gateway}/api/v1/login", json=body)
                answer.raise_for_status()
            except httpx.HTTPError:
                if stop.is_set():
                    return ""
                await asyncio.sleep(0.1)
                continue
            return str(answer.json()["token"])
        raise AssertionError("the gateways never end")

    async def _change(
        self, client: httpx.AsyncClient, token: str, name: str, stop: asyncio.Event
    ) -> dict[str, Any] | None:
        headers = {**_bearer(token), "Idempotency-Key": secrets.token_hex(8)}
        proposed = time.monotonic()
        for gateway in itertools.cycle(self.gateways):
            if stop.is_set():
                return None
            url = f"{gateway}/api/v1/users/{name}"
            try:
                answer = await client.put(url, json={"role": "auditor"}, headers=headers)
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            self.acknowledged.append((name, proposed, time.monotonic()))
            return dict(answer.json())
        raise AssertionError("the gateways never end")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
