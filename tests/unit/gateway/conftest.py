"""A gateway over a site in memory, and people who talk to it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.gateway.app import build_api
from shared.documents import Kind
from tests.fakes.gateway import BOOT, QUICK, InMemoryGateway, build_in_memory_gateway

__all__ = ["BOOT", "QUICK", "InMemoryGateway"]  # beside what is defined here

PASSWORD = "twelve letters"


@pytest.fixture
def fake() -> InMemoryGateway:
    """A gateway on alpha that has read the directory."""
    return build_in_memory_gateway()


@dataclass
class Person:
    """Somebody with a token, or none."""

    client: httpx.AsyncClient
    token: str = ""

    async def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, f"/api/v1{path}", json=body, headers={**own, **extra}
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)


@dataclass
class People:
    """Everybody who talks to the gateway of a test."""

    fake: InMemoryGateway
    client: httpx.AsyncClient

    @property
    def stranger(self) -> Person:
        return Person(self.client)

    async def signed_in(self, name: str, role: str) -> Person:
        sealed = await self.fake.passwords.seal(PASSWORD)
        self.fake.site.write(Kind.USER, name, {"role": role, "password_hash": sealed})
        body = {"username": name, "password": PASSWORD}
        answer = await self.stranger.call("POST", "/login", body)
        assert answer.status_code == 200, answer.text
        return Person(self.client, answer.json()["token"])

    async def admin(self) -> Person:
        return await self.signed_in("admin", "administrator")


@pytest_asyncio.fixture
async def people(fake: InMemoryGateway) -> AsyncGenerator[People]:
    """The way in for everybody."""
    await fake.state.directory.read()
    transport = httpx.ASGITransport(app=build_api(fake.gateway), client=("192.0.2.7", 5_000))
    async with httpx.AsyncClient(transport=transport, base_url="https://site") as client:
        yield People(fake, client)
