"""A gateway over a site in memory, and people who talk to it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from services.gateway.accounts import Accounts
from services.gateway.app import build_api
from services.gateway.apply import Editor
from services.gateway.backups import Backups
from services.gateway.conflicts import MastersConflicts
from services.gateway.core.attempts import Attempts
from services.gateway.core.observed import Observed
from services.gateway.passwords import Passwords
from services.gateway.proposals import Configuration
from services.gateway.routes.door import Door
from services.gateway.sessions import Desk, Sessions
from services.gateway.view import SessionsView
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.sealing import SiteSecret
from shared.documents import Kind
from shared.domain.ids import ClusterId, NodeId
from shared.messaging.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health
from tests.fakes.containment import Watched, contained
from tests.fakes.events import KeptFacts
from tests.fakes.site import FakeSite, MemorySessions, StillClock

BOOT = "boot"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "twelve letters"


@dataclass
class House:
    """The gateway and everything behind it."""

    door: Door
    site: FakeSite
    sessions: MemorySessions
    clock: StillClock
    passwords: Passwords
    facts: KeptFacts
    containment: Watched


@pytest.fixture
def house() -> House:
    """A gateway on alpha that has read the directory."""
    clock, site, store, secret = StillClock(), FakeSite(), MemorySessions(), SiteSecret.generate()
    configuration, passwords = Configuration(site, clock), Passwords(secret, QUICK)
    directory = Directory(site, overrides=True)
    editor, conflicts = Editor(configuration, passwords), MastersConflicts(site, directory)
    containment = contained()
    facts, ring = KeptFacts(), KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
    door = Door(
        node=NodeId("alpha"),
        clock=clock,
        publisher=site,
        events=facts,
        configuration=configuration,
        directory=directory,
        accounts=Accounts(configuration, passwords, secret, clock),
        editor=editor,
        sessions=Sessions(Desk(store, site, facts, ring, clock, containment)),
        view=SessionsView(),
        observed=Observed(),
        grant=GrantHolder(NodeId("alpha"), BOOT),
        health=Health(),
        containment=containment,
        guesses=Attempts(limit=3, window_seconds=60.0),
        arrivals=Attempts(limit=5, window_seconds=60.0),
        probes=Attempts(limit=5, window_seconds=60.0),
        webhook_secret=secret.webhook_secret,
        conflicts=conflicts,
        backups=Backups(
            publisher=site,
            shelf=site,
            conflicts=conflicts,
            directory=directory,
            editor=editor,
            passwords=passwords,
            cluster_id=ClusterId("0123456789abcdef"),
            own_key=secret.backup_key,
            verify=site.verify,
        ),
    )
    return House(door, site, store, clock, passwords, facts, containment)


@dataclass
class Person:
    """Somebody with a token, or none."""

    client: httpx.AsyncClient
    token: str = ""

    async def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, f"/api/v1{path}", json=body, headers={**own, **told}
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)


@dataclass
class People:
    """Everybody who talks to the gateway of a test."""

    house: House
    client: httpx.AsyncClient

    @property
    def stranger(self) -> Person:
        return Person(self.client)

    async def signed_in(self, name: str, role: str) -> Person:
        sealed = await self.house.passwords.sealed(PASSWORD)
        self.house.site.write(Kind.USER, name, {"role": role, "password_hash": sealed})
        body = {"username": name, "password": PASSWORD}
        answer = await self.stranger.call("POST", "/login", body)
        assert answer.status_code == 200, answer.text
        return Person(self.client, answer.json()["token"])

    async def admin(self) -> Person:
        return await self.signed_in("admin", "administrator")


@pytest_asyncio.fixture
async def people(house: House) -> AsyncGenerator[People]:
    """The way in for everybody."""
    await house.door.directory.read()
    transport = httpx.ASGITransport(app=build_api(house.door), client=("192.0.2.7", 5_000))
    async with httpx.AsyncClient(transport=transport, base_url="https://site") as client:
        yield People(house, client)
