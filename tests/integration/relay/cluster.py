"""One NATS server, and members of a cluster on it: the smallest place where services meet."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faststream.nats import NatsRouter

from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.domain.ids import NodeId
from shared.events.message import Event
from shared.messaging.subscription import subscription
from shared.runtime.clock import SystemClock
from shared.runtime.context import ServiceContext, build_context
from shared.settings import ServiceSettings
from stack.binaries import find_nats_server
from tests.integration.servers import settled

IN_TIME = 15.0
Child = subprocess.Popen[str]


async def until(condition: Callable[[], bool], seconds: float = IN_TIME) -> None:
    """Wait until *condition()* holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@dataclass
class Cluster:
    """Keys of some nodes, and the address of their NATS server."""

    folder: Path
    url: str
    psk: str = field(default_factory=make_psk)

    def found(self, master: str, *others: str) -> None:
        """Make every node's folder, with *master* as the one master."""
        keys = {node: join.prepare_node(self.folder / node) for node in (master, *others)}
        cluster_id = join.found_cluster(self.folder / master)
        for node in keys:
            join.pin(self.folder / node, cluster_id, {NodeId(master): keys[master]})

    def environment(self, node: str) -> dict[str, str]:
        return {
            "MERIDIAN_NODE": node,
            "MERIDIAN_STATE_DIR": str(self.folder / node),
            "MERIDIAN_PSK": self.psk,
            "MERIDIAN_NATS_SERVERS": self.url,
            "MERIDIAN_METRICS_PORT": "0",
            "MERIDIAN_TIMING": "local",
        }

    def settings(self, node: str) -> dict[str, object]:
        return {
            "node": node,
            "state_dir": self.folder / node,
            "psk": self.psk,
            "nats_servers": (self.url,),
        }

    @contextlib.asynccontextmanager
    async def member(
        self, node: str, service: str, *routes: tuple[type[Event], Callable[[Any], Awaitable[Any]]]
    ) -> AsyncGenerator[ServiceContext]:
        """A connected, signed member that answers or listens as *routes* say."""
        settings = ServiceSettings.model_validate(self.settings(node))
        context = build_context(settings, service, SystemClock())
        made = [subscription(message, handler) for message, handler in routes]
        context.bus.broker.include_router(NatsRouter(handlers=made))
        await context.bus.broker.start()
        # The server knows every subscription before anybody speaks over another connection.
        await settled(await context.bus.broker.connect())
        try:
            yield context
        finally:
            await context.bus.broker.stop()


@contextlib.contextmanager
def process(module: str, environment: dict[str, str]) -> Generator[Child]:
    """`python -m` *module* as a child, killed at the end."""
    bare = {name: value for name, value in os.environ.items() if "MERIDIAN" not in name}
    with subprocess.Popen(
        [sys.executable, "-m", module],
        env=bare | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def nats_server(folder: Path) -> Generator[str]:
    """A NATS server with JetStream on a free port; its URL."""
    with subprocess.Popen(
        [
            find_nats_server(),
            *("--addr", "127.0.0.1", "--port", "-1", "--jetstream"),
            *("--store_dir", str(folder), "--ports_file_dir", str(folder)),
        ],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield _address(folder, process)
        finally:
            process.terminate()


def _address(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    while process.poll() is None:
        for path in folder.glob("*.ports"):
            with contextlib.suppress(ValueError, KeyError):
                return str(json.loads(path.read_text())["nats"][0])
    raise AssertionError("the NATS server did not start")
