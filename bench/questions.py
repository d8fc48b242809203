"""Signed questions and answers: how many a second, with one, two and four selectors."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.results import Results
from shared.events.selection import ClientFacts, SelectNodes
from shared.messaging.publisher import Publisher
from shared.runtime.clock import SystemClock
from shared.runtime.context import build_context
from shared.settings import ServiceSettings
from stack.site import Site

INSTANCES: Final = (1, 2, 4)
ROUNDS: Final = 7
ROUND_SECONDS: Final = 1.5
ASKERS: Final = 32
PATIENCE_SECONDS: Final = 30.0
SERVICE: Final = "node_selector"


async def measure(site: Site, results: Results) -> None:
    """Add instances one after the other; each round asks for a while."""
    async with asking(site) as publisher:
        await site.kill_service("bravo", SERVICE)
        started = 1
        for instances in INSTANCES:
            while started < instances:
                await add(site, started)
                started += 1
            await settle(publisher)
            values = [await _round(publisher) for _ in range(ROUNDS)]
            subject = f"{instances} selectors"
            results.add("signed requests per second", subject, values, "1/s", beside="1 selectors")


async def add(site: Site, number: int) -> None:
    """One more selector beside alpha's."""
    program = site.processes.service_program(site.layout.node("alpha"), SERVICE, ())
    environment = {**program.environment, "MERIDIAN_METRICS_PORT": "0"}
    log = program.log.with_name(f"{SERVICE}-{number}.log")
    await site.processes.fork_server.run(replace(program, environment=environment, log=log))


async def settle(publisher: Publisher) -> None:
    """Until whoever was just started has had its share of questions."""
    for _ in range(3):
        await _round(publisher)


async def _round(publisher: Publisher) -> float:
    answered, until = 0, time.perf_counter() + ROUND_SECONDS

    async def ask() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            question = SelectNodes(client=ClientFacts(address="198.51.100.9"))
            await publisher.ask(question, timeout_seconds=PATIENCE_SECONDS)
            answered += 1

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(ASKERS)))
    return answered / (time.perf_counter() - began)


@asynccontextmanager
async def asking(site: Site) -> AsyncGenerator[Publisher]:
    """A member that may ask: one more gateway of alpha."""
    environment = site.environment("alpha", "gateway")
    settings = ServiceSettings.model_validate(
        {
            "node": environment["MERIDIAN_NODE"],
            "state_dir": environment["MERIDIAN_STATE_DIR"],
            "psk_file": environment["MERIDIAN_PSK_FILE"],
            "nats_servers": tuple(environment["MERIDIAN_NATS_SERVERS"].split(",")),
            "nats_user": environment["MERIDIAN_NATS_USER"],
            "nats_password_file": Path(environment["MERIDIAN_NATS_PASSWORD_FILE"]),
        }
    )
    context = build_context(settings, "gateway", SystemClock())
    await context.bus.broker.start()
    try:
        yield context.bus.publisher
    finally:
        await context.bus.broker.stop()
