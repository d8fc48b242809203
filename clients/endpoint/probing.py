"""Measures how far away relays are, all at once and within a moment, by pings on their port.

The result is the shortest of a few round trips: a busy machine makes some longer, nothing makes one
shorter. A relay that does not answer in time, refuses, or is another node than expected, is not
measured. As soon as one relay has answered, the others get only a moment more.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clients.clock import now
from shared.domain.containment import ends_process
from shared.domain.ids import NodeId
from shared.wire.dialling import PingExchange

PINGS: Final = 3
MOMENT_SECONDS: Final = 0.4
"""How long all measurements together may take once a relay has answered."""

PATIENCE_SECONDS: Final = 1.5
"""How long they may take while none has: every relay is far from some places."""

READ_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """A relay to measure."""

    node: NodeId
    host: str
    port: int


async def measure_latencies(relays: Sequence[RelayTarget], ticket: str) -> dict[str, float]:
    """Return the milliseconds to each of *relays* that answered in time."""
    latencies: dict[str, float] = {}
    tasks = {asyncio.create_task(_measure(relay, ticket, latencies)) for relay in relays}
    pending = tasks
    for seconds in (MOMENT_SECONDS, PATIENCE_SECONDS - MOMENT_SECONDS):
        if pending and not latencies:
            _, pending = await asyncio.wait(pending, timeout=seconds)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in tasks - pending:
        task.result()
    return latencies


async def _measure(relay: RelayTarget, ticket: str, latencies: dict[str, float]) -> None:
    """Put the shortest round trip to *relay* into *latencies*, from the first one on."""
    try:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        try:
            await _ping(relay, ticket, (reader, writer), latencies)
        finally:
            writer.close()
    except Exception as error:
        if ends_process(error):
            raise  # all else means that this one relay is not measured


async def _ping(
    relay: RelayTarget,
    ticket: str,
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    latencies: dict[str, float],
) -> None:
    (reader, writer), exchange = streams, PingExchange(relay.node, ticket)
    for _ in range(PINGS):
        writer.write(exchange.ping(secrets.randbits(32)))
        sent_at = now()
        if not await _is_answered(reader, exchange):
            return
        milliseconds = round((now() - sent_at) * 1000, 3)
        latencies[relay.node] = min(milliseconds, latencies.get(relay.node, milliseconds))


async def _is_answered(reader: asyncio.StreamReader, exchange: PingExchange) -> bool:
    """Wait for the answer to the last PING; False when the relay closes the connection."""
    while data := await reader.read(READ_BYTES):
        answer = exchange.receive(data)
        if answer is not None:
            return answer
    return False
