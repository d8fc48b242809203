# pyright: reportUnknownMemberType=false
"""A NATS server with the site's users, and a node that tells events on it."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext

from clients.events.reader import Access
from shared.crypto.node_signature import NODE_SIGNATURE_HEADER
from shared.crypto.nodekeys import NodeKey
from shared.domain.ids import Epoch, NodeId, UnixMillis
from shared.events.failover import PrimaryChanged
from shared.events.message import Event
from shared.messaging.events import EventSigner
from shared.messaging.streams import ensure_streams
from stack.nats import EVENTS_INBOX, USERS, accounts
from tests.integration.servers import NatsServer, until

SERVICE, READER = "service", "events"
PASSWORD = "a password of this test"
ALPHA = NodeId("alpha")


class GuardedServer(NatsServer):
    """As a site's server: one user for services, one that may only read events."""

    def _configuration(self) -> dict[str, object]:
        passwords = {str(user): PASSWORD for user in USERS}
        who = {"accounts": accounts(passwords), "system_account": "SYS"}
        return {**super()._configuration(), **who}


async def _quiet(_error: Exception) -> None:
    """Refusals arrive here; the calls themselves time out."""


@dataclass
class Ground:
    """The server, and the node `alpha` that speaks there."""

    server: GuardedServer
    signer: EventSigner

    @staticmethod
    def start(folder: Path) -> "Ground":
        server = GuardedServer("alpha", folder)
        server.start()
        until(server.is_ready, "the NATS server")
        key = NodeKey.generate()
        return Ground(server, EventSigner(ALPHA, key, lambda: UnixMillis(1_777_888_800_000)))

    @property
    def keys(self) -> dict[NodeId, str]:
        return {ALPHA: self.signer.key.public_b64}

    def access(self, password: str = PASSWORD, user: str = READER) -> Access:
        return Access((self.server.url,), user, password)

    @asynccontextmanager
    async def connected(
        self, user: str, error_cb: Callable[[Exception], Awaitable[None]] = _quiet
    ) -> AsyncGenerator[tuple[Client, JetStreamContext]]:
        client = await nats.connect(
            self.server.url,
            user=user,
            password=PASSWORD,
            inbox_prefix=EVENTS_INBOX.encode(),
            error_cb=error_cb,
        )
        try:
            yield client, client.jetstream(timeout=10)
        finally:
            with contextlib.suppress(Exception):
                await client.close()

    async def make_stream(self) -> None:
        async with self.connected(SERVICE) as (_, jetstream):
            await ensure_streams(jetstream, 1)

    async def publish(self, *events: Event) -> None:
        """Tell *events* as the site's own publisher does, but for the cluster's signature."""
        async with self.connected(SERVICE) as (_, jetstream):
            for event in events:
                fact = self.signer.sign(event)
                headers = {NODE_SIGNATURE_HEADER: fact.node_signature}
                await jetstream.publish(fact.address, fact.payload, headers=headers)


def failover(epoch: int) -> PrimaryChanged:
    return PrimaryChanged(node=ALPHA, previous=None, epoch=Epoch(epoch), cause="a test")
