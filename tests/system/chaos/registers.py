"""People who write and read registers through the front door, and note what they saw and when.

A register is a team's display name. A writer repeats a change under the same request id until it is
acknowledged, or gives it up and never learns what came of it; a reader asks for what is now.
"""

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import dataclass, field

import httpx

from stack.demo.writer import ChangeWriter
from tests.system.chaos.history import Operation

REGISTERS = ("chaos-one", "chaos-two", "chaos-three")
GIVE_UP_SECONDS = 4.0
PAUSE_SECONDS = 0.03


@dataclass
class Registers:
    """The registers of a site, and the history of all that was done to them."""

    person: ChangeWriter
    chance: random.Random
    history: list[Operation] = field(default_factory=list[Operation])
    _token: str = ""

    async def make(self, client: httpx.AsyncClient) -> None:
        """Sign in and give every register its first value."""
        self._token = await self.person.signed_in(client, asyncio.Event())
        for register in REGISTERS:
            await self._write(client, register, "first", None)

    async def write(self, client: httpx.AsyncClient, name: str, stop: asyncio.Event) -> None:
        """Write one value after the other until *stop*; every third is given up if need be."""
        for number in itertools.count(1):
            if stop.is_set():
                return
            patience = GIVE_UP_SECONDS if number % 3 == 0 else None
            register = self.chance.choice(REGISTERS)
            await self._write(client, register, f"{name}-{number}", patience)
            await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, client: httpx.AsyncClient, stop: asyncio.Event) -> None:
        """Read one register after the other until *stop*."""
        while not stop.is_set():
            await self.read_once(client, self.chance.choice(REGISTERS))
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_once(self, client: httpx.AsyncClient, register: str) -> bool:
        """Read one register at one gateway; whether there was an answer."""
        begin = time.monotonic()
        gateway = self.chance.choice(self.person.gateways)
        try:
            answer = await client.get(
                f"{gateway}/api/v1/teams/{register}",
                params={"current": "true"},
                headers=self._headers,
            )
            answer.raise_for_status()
        except httpx.HTTPError:
            return False
        value = answer.json()["body"]["display_name"]
        self.history.append(Operation(register, value, begin, time.monotonic(), is_write=False))
        return True

    async def site_is_well(self) -> bool:
        """Whether a master could follow the primary now, and the log survives any loss."""
        async with self.person.client() as client:
            for gateway in self.person.gateways:
                with contextlib.suppress(httpx.HTTPError):
                    url = f"{gateway}/api/v1/failover/check"
                    answer = await client.get(url, headers=self._headers)
                    answer.raise_for_status()
                    found = answer.json()
                    return bool(found["successor"] and found["survives_loss"])
        return False

    async def _write(
        self, client: httpx.AsyncClient, register: str, value: str, patience: float | None
    ) -> None:
        begin = time.monotonic()
        end: float | None = None
        headers = {**self._headers, "Idempotency-Key": f"{register}-{value}"}
        for gateway in itertools.cycle(self._in_any_order()):
            try:
                answer = await client.put(
                    f"{gateway}/api/v1/teams/{register}",
                    json={"display_name": value},
                    headers=headers,
                )
                answer.raise_for_status()
            except httpx.HTTPError:
                if patience is not None and time.monotonic() - begin > patience:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            end = time.monotonic()
            break
        self.history.append(Operation(register, value, begin, end, is_write=True))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _in_any_order(self) -> list[str]:
        return self.chance.sample(self.person.gateways, len(self.person.gateways))
