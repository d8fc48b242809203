"""A service that is told to stop while requests flow: nobody gets a wrong answer because of it."""

import asyncio
import contextlib
import os
import signal
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from clients.clock import now
from shared.api.call import Call
from shared.api.channel import ENDPOINT_HEADER
from shared.api.client import SiteAccess, SiteClient
from stack.site import Site
from tests.system.people import Api, calling, until

WRITERS = 8
HANDED_BACK = 503
Change = Callable[[], Awaitable[None]]


@dataclass
class Writers:
    """People who change teams at one gateway, and what it answered them."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    refusals: list[httpx.Response] = field(default_factory=list[httpx.Response])
    made: dict[str, int] = field(default_factory=dict[str, int])
    """The revision of each change, by its key."""

    async def change(self, client: httpx.AsyncClient, other: httpx.AsyncClient, key: str) -> None:
        """Make one change at *client*, and once more at *other* under the same key if need be."""
        body, headers = {"display_name": key}, {"Idempotency-Key": key}
        path = f"/teams/{key.partition('.')[0]}"
        with contextlib.suppress(httpx.TransportError):
            answer = await client.put(path, json=body, headers=headers)
            self.statuses[answer.status_code] += 1
            if answer.is_success:
                self.made[key] = answer.json()["revision"]
                return
            self.refusals.append(answer)
        again = await other.put(path, json=body, headers=headers)
        assert again.is_success, again.text
        self.made[key] = again.json()["revision"]

    async def run(
        self, name: str, client: httpx.AsyncClient, other: httpx.AsyncClient, stop: asyncio.Event
    ) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await self.change(client, other, f"{name}.{number}")


@contextlib.asynccontextmanager
async def changing(api: Api) -> AsyncGenerator[Writers]:
    """Changes flow through the first gateway of *api* as long as this context lasts."""
    writers, stop = Writers(), asyncio.Event()
    first, other = api.clients
    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writers.run(f"stop-{number}", first, other, stop))
        try:
            await until(lambda: len(writers.made) > 2 * WRITERS)
            yield writers
            seen = len(writers.made)
            await until(lambda: len(writers.made) > seen + 2 * WRITERS)
        finally:
            stop.set()


async def terminate(site: Site, node: str, service: str) -> None:
    """Tell a service to stop, as an upgrade does, and wait until it has ended in good order."""
    child = site.processes.members[node, service]
    os.kill(child.pid, signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await child.wait() == 0, child.program.log.read_text()[-2_000:]


@contextlib.asynccontextmanager
async def started_again(site: Site, node: str, service: str) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await site.start_service(node, service)
        await site.wait_ready(60)


def by_site_client(site: Site, token: str, name: str, stop: asyncio.Event) -> int:
    """Make changes with the typed client, which repeats them by itself; count them."""
    call = Call("PUT", f"/teams/{name}", TypeAdapter(dict[str, object]), {"display_name": name})
    access, count = SiteAccess(site.gateway_urls, str(site.ca_file), token), 0
    with SiteClient(access, now) as client:
        while not stop.is_set():
            client.ask(call)
            count += 1
    return count


async def test_a_stopping_gateway_finishes_or_hands_back_the_change_in_flight(site: Site) -> None:
    async with calling(site) as api, started_again(site, "alpha", "gateway"):
        token = api.clients[0].headers["Authorization"].removeprefix("Bearer ")
        stop = asyncio.Event()
        typed = asyncio.create_task(asyncio.to_thread(by_site_client, site, token, "typed", stop))
        async with changing(api) as writers:
            await terminate(site, "alpha", "gateway")
        stop.set()
        assert await typed > 0
        for answer in writers.refusals:
            assert (answer.status_code, answer.json()["code"]) == (HANDED_BACK, "stopping")
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Idempotency-Key"] in writers.made
        assert writers.statuses.keys() <= {200, HANDED_BACK}, writers.statuses
        for key, revision in list(writers.made.items())[-WRITERS:]:
            again = await api.clients[1].put(
                f"/teams/{key.partition('.')[0]}",
                json={"display_name": key},
                headers={"Idempotency-Key": key},
            )
            assert again.json()["revision"] == revision, "made twice"


async def test_a_stopping_gateway_sends_its_channels_to_another_one(site: Site) -> None:
    async with calling(site) as api, started_again(site, "alpha", "gateway"):
        opened = await api.call("POST", "/sessions", {})
        url = f"{site.gateway_urls[0].replace('http', 'ws', 1)}/api/v1/sessions/{opened['session']}"
        tls = ssl.create_default_context(cafile=str(site.ca_file))
        token = f"Bearer {opened['endpoint_token']}"
        headers = {"Authorization": token, ENDPOINT_HEADER: "0" * 32}
        async with connect(f"{url}/channel", ssl=tls, additional_headers=headers) as socket:
            assert "waiting" in str(await socket.recv())
            await terminate(site, "alpha", "gateway")
            with contextlib.suppress(ConnectionClosed):
                async for _ in socket:  # states may come before the end
                    pass
        assert socket.close_code == 1012


@pytest.mark.parametrize("service", ["config", "node_selector", "replication"])
async def test_no_request_gets_a_wrong_answer_because_a_service_behind_it_stops(
    site: Site, service: str
) -> None:
    primary = await site.primary()
    assert primary is not None
    async with calling(site) as api, started_again(site, primary, service):
        async with changing(api) as writers:
            selections = asyncio.create_task(select_all_the_time(api))
            await terminate(site, primary, service)
            selections.cancel()
        wrong = [answer.text for answer in writers.refusals if answer.status_code != HANDED_BACK]
        assert wrong == []
        with contextlib.suppress(asyncio.CancelledError):
            await selections


async def select_all_the_time(api: Api) -> None:
    while True:
        answer = await api.clients[0].post("/select", json={})
        assert answer.status_code in {200, HANDED_BACK}, answer.text
