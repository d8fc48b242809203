"""Connections to NATS that notice a loss within seconds and never give up.

The library's own defaults notice a dead link after minutes and give up after sixty tries.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

from nats.aio.client import Client

from shared.crypto.envelope import Identity
from shared.domain.containment import describe_error
from shared.domain.outage import Outage
from shared.messaging.client import SafeClient, SafeJetStream

PATIENCE: Final[dict[str, Any]] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.2,
    "connect_timeout": 1,
    "ping_interval": 2,
    "max_outstanding_pings": 2,
    "dont_randomize": True,
    "allow_reconnect": True,
}

CALL_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """The addresses of the servers, the own node's first, and the user to log in as."""

    servers: tuple[str, ...]
    user: str
    password: str


def inbox_prefix(identity: Identity) -> str:
    """The prefix of this process's own inboxes: nobody else may subscribe there."""
    return inbox_of(str(identity))


def inbox_of(sender: str) -> str:
    """The inbox prefix of *sender* (`node.service.instance`), a token for each of its parts."""
    return f"_INBOX.{sender}"


def connection_options(access: NatsAccess, identity: Identity, name: str) -> dict[str, Any]:
    """The options of every connection of this process, but for its credentials."""
    log, outage = logging.getLogger("meridian.nats"), Outage()

    async def on_error(error: Exception) -> None:
        sentence = describe_error(error)
        if outage.is_worth_a_line(sentence):
            log.warning("NATS (%s): %s", name, sentence)

    async def on_disconnect() -> None:
        log.warning("lost the connection to NATS (%s)", name)

    async def on_reconnect() -> None:
        outage.end()
        log.info("connected to NATS again (%s)", name)

    return {
        **PATIENCE,
        "servers": list(access.servers),
        "name": f"{identity}/{name}",
        "inbox_prefix": inbox_prefix(identity),
        "error_cb": on_error,
        "disconnected_cb": on_disconnect,
        "reconnected_cb": on_reconnect,
    }


async def connect(access: NatsAccess, identity: Identity, name: str) -> SafeClient:
    """A connection of its own, for callers that need order, sequences and compare-and-set.

    Raises:
        nats.errors.Error: no server accepted the login; try again.
        OSError: no server could be reached; try again.
    """
    client = SafeClient()
    await client.connect(
        user=access.user, password=access.password, **connection_options(access, identity, name)
    )
    return client


def jetstream_of(client: Client, seconds: float = CALL_SECONDS) -> SafeJetStream:
    """Return JetStream over *client*, each call waiting for *seconds* at the most."""
    return SafeJetStream(client, timeout=seconds)
