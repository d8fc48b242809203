"""Those who ask a site for something, as the benchmarks need them."""

import itertools
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from shared.domain.log import ReplicationMode
from stack.site import Site

SECONDS = 30.0
NODES = 128
"""So many are changed in turn, that the site stays as large as it is."""


@dataclass
class Administrator:
    """Somebody signed in who changes nodes, and times each answer."""

    client: httpx.AsyncClient
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def change(self) -> tuple[float, int]:
        """Change a node that nobody uses: seconds until the answer, and the revision."""
        seconds, answer = await self._change()
        return seconds, int(answer["revision"])

    async def mode(self) -> ReplicationMode:
        """Make a change; in what mode it was confirmed."""
        _, answer = await self._change()
        return ReplicationMode(answer["mode"])

    async def _change(self) -> tuple[float, dict[str, Any]]:
        number = next(self.numbers)
        name, node = f"n{number % NODES}", _closed(number)
        began = time.perf_counter()
        answer = await self.client.put(f"nodes/{name}", json=node)
        while answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            # On a busy machine a primary may stop for a moment; whoever changes asks again.
            answer = await self.client.put(f"nodes/{name}", json=node)
        seconds = time.perf_counter() - began
        answer.raise_for_status()
        return seconds, dict(answer.json())

    async def read(self) -> float:
        """Read the site's own document: seconds until the answer."""
        began = time.perf_counter()
        (await self.client.get("site")).raise_for_status()
        return time.perf_counter() - began


@asynccontextmanager
async def administrator(site: Site) -> AsyncGenerator[Administrator]:
    """Sign in at the first gateway."""
    context = ssl.create_default_context(cafile=str(site.ca_file))
    url = f"{site.gateway_urls[0]}/api/v1/"
    async with httpx.AsyncClient(verify=context, base_url=url, timeout=SECONDS) as client:
        login = {"username": "admin", "password": site.admin_password}
        token = (await client.post("login", json=login)).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Administrator(client)


def _closed(number: int) -> dict[str, Any]:
    """A node that takes nobody, and differs from the one that *number* was before."""
    return {"role": "traffic", "accepting_new_clients": False, "capacity": number + 1}
