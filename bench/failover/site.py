"""Our own site as a subject: its writers, its operator, and what its primary has stored."""

import asyncio
import contextlib
import itertools
import secrets
import ssl
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx

from bench.failover.stamps import History, Stamp
from bench.failover.writing import Pace
from shared.domain.log import LogEntry, StoredEntry
from stack.site import Site, SiteOptions

WRITERS: Final = 2
"""One for each gateway; on two cores more of them only take time from the site."""

ATTEMPT_SECONDS: Final = 3.0
SETTLE_SECONDS: Final = 120.0
"""A master whose disk was full is trusted again after a minute."""

AGAIN_SECONDS: Final = 0.05
SIGN_IN_SECONDS: Final = 20.0
STAMPED: Final = "stamp-"


@dataclass
class SiteWriter:
    """Somebody at one front door who changes one user's name to the next number, until cancelled.

    While that door does not answer they go to the other one.
    """

    gateways: tuple[str, ...]
    home: str
    client: httpx.AsyncClient
    history: History
    numbers: Iterator[int]
    pace: Pace = field(default_factory=Pace)

    async def run(self) -> None:
        while True:
            await self._stamp(await self.pace.number())

    async def _stamp(self, number: int) -> None:
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        user = f"{STAMPED}{self.gateways.index(self.home)}"
        body = {"role": "auditor", "display_name": str(number)}
        first = self.gateways.index(self.home)
        proposed = time.monotonic()
        for gateway in itertools.cycle((*self.gateways[first:], *self.gateways[:first])):
            try:
                url = f"{gateway}/api/v1/users/{user}"
                answer = await self.client.put(url, json=body, headers=headers)
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            holders = frozenset(answer.json()["durable_on"])
            self.history.add(Stamp(number, proposed, time.monotonic(), holders))
            return


@dataclass
class Meridian:
    """A site with writers, as the rounds see it."""

    site: Site
    operator: httpx.AsyncClient
    history: History = field(default_factory=History)

    @staticmethod
    @asynccontextmanager
    async def start(options: SiteOptions | None = None) -> "AsyncGenerator[Meridian]":
        """A new site whose writers write for as long as the block runs."""
        async with Site.start(options or SiteOptions()) as site, _client(site) as operator:
            subject = Meridian(site, operator)
            await subject._sign_in()
            numbers = itertools.count(1)
            async with asyncio.TaskGroup() as tasks:
                writing = [
                    tasks.create_task(subject._write(gateway, numbers))
                    for gateway in site.gateway_urls[:WRITERS]
                ]
                try:
                    yield subject
                finally:
                    for task in writing:
                        task.cancel()

    async def settled(self) -> str:
        """Wait until a primary has a backup that would follow it; its name."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                for found in [await self.check(gateway) for gateway in self.site.gateway_urls]:
                    if found.get("primary") and found.get("successor"):
                        return str(found["primary"])
                await asyncio.sleep(AGAIN_SECONDS)

    async def primary(self) -> str:
        """Wait until there is a primary; its name."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while (found := await self.site.primary()) is None:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(AGAIN_SECONDS)
        return found

    async def check(self, gateway: str) -> dict[str, Any]:
        """What one gateway says would happen if the primary failed; nothing when it does not."""
        with contextlib.suppress(httpx.HTTPError):
            answer = await self.operator.get(f"{gateway}/api/v1/failover/check")
            return dict(answer.json()) if answer.is_success else {}
        return {}

    async def epoch(self) -> int:
        """The largest epoch that a master knows."""
        await self.settled()
        checks = [await self.check(gateway) for gateway in self.site.gateway_urls]
        return max(each["epoch"] or 0 for found in checks for each in found.get("masters", ()))

    async def switch(self) -> httpx.Response:
        url = f"{self.site.gateway_urls[0]}/api/v1/switchover"
        return await self.operator.post(url, json={})

    async def found(self) -> set[int]:
        """The stamps in the primary's copy of the log."""
        primary = await self.primary()
        url = self.site.environment(primary, "config")["MERIDIAN_DATABASE_URL"]
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT message FROM log_entry")
        finally:
            await connection.close()
        return {number for row in rows for number in _stamps(bytes(row["message"]))}

    async def _write(self, gateway: str, numbers: Iterator[int]) -> None:
        async with _client(self.site) as client:
            client.timeout = httpx.Timeout(ATTEMPT_SECONDS)
            client.headers["Authorization"] = self.operator.headers["Authorization"]
            urls = self.site.gateway_urls
            await SiteWriter(urls, gateway, client, self.history, numbers, Pace(numbers)).run()

    async def _sign_in(self) -> None:
        body = {"username": "admin", "password": self.site.admin_password}
        answer = await self.operator.post(f"{self.site.gateway_urls[0]}/api/v1/login", json=body)
        self.operator.headers["Authorization"] = (
            f"Bearer {answer.raise_for_status().json()['token']}"
        )


def _client(site: Site) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=str(site.ca_file))
    return httpx.AsyncClient(verify=context, timeout=SIGN_IN_SECONDS)


def _stamps(message: bytes) -> list[int]:
    """The numbers that an entry of the log holds."""
    changes = LogEntry.decode(StoredEntry.decode(message).body).changes
    return [
        int(change.body["display_name"])
        for change in changes
        if change.id.startswith(STAMPED) and change.body is not None
    ]
