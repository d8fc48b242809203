"""A session of real commands: relays, a gateway, and a target that echoes."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.endpoint.gateway import FakeGateway, fake_gateway
from tests.integration.endpoint.programs import Programs, programs
from tests.integration.tunnel.site import Site, echo_server, site


@dataclass
class World:
    relays: Site
    gateway: FakeGateway
    programs: Programs
    echo: str


@contextlib.asynccontextmanager
async def world(home: Path, nodes: int = 1) -> AsyncGenerator[World]:
    async with (
        site(nodes) as relays,
        echo_server() as (host, port),
        fake_gateway(relays) as gateway,
        programs(gateway, home) as started,
    ):
        yield World(relays, gateway, started, f"{host}:{port}")
