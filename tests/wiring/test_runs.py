"""How a service runs and ends: its workers, its mark, and what it tells of the run before."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from faststream import FastStream

from shared.domain.errors import BadSettings
from shared.events.message import Event
from shared.events.service import ServiceEndedUncleanly
from shared.runtime.marks import FOLDER
from shared.runtime.service import Service, serve
from tests.fakes.events import KeptFacts
from tests.wiring.test_services import Ground, ground

__all__ = ["ground"]

MARK = "webhooks.json"
Work = Callable[[], Awaitable[None]]


class Facts(KeptFacts):
    """Where events go, as a service's own publisher."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def flush(self) -> None:
        return


async def for_ever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def build(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    def made(*tasks: Work, **workers: Work) -> Service:
        context = ground.build("webhooks", monkeypatch).context
        bus = replace(context.bus, events=Facts())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        content = replace(context, bus=bus)
        app = FastStream(context.bus.broker, logger=None)
        return Service(app, content, tasks=tasks, workers=workers)

    return made


def events_of(service: Service) -> list[Event]:
    facts = service.context.bus.events
    assert isinstance(facts, Facts)
    return facts.kept


def mark(ground: Ground) -> Path:
    return ground.folder / FOLDER / MARK


async def stopped(service: Service) -> int:
    """Run *service* for a moment, and stop it as an operator does."""
    asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(30):
        return await serve(service)


async def test_a_worker_that_fails_is_reported_and_the_service_goes_on(
    build: Callable[..., Service],
) -> None:
    async def fails() -> None:
        raise RecursionError("nested too deeply")

    service = build(for_ever, bad=fails, good=for_ever)
    assert await stopped(service) == 0
    (reason,) = [each for each in service.context.telemetry.health.reasons() if "worker" in each]
    assert reason == (
        "worker bad: it failed and is started again: RecursionError: nested too deeply"
    )


async def test_a_broken_invariant_in_a_worker_ends_the_service(
    build: Callable[..., Service], ground: Ground
) -> None:
    async def breaks() -> None:
        raise AssertionError("two primaries")

    async with asyncio.timeout(20):
        assert await serve(build(for_ever, bad=breaks)) == 1
    assert mark(ground).exists(), "that was no clean end"


async def test_a_worker_that_ends_is_a_broken_invariant(build: Callable[..., Service]) -> None:
    async def ends() -> None:
        return

    async with asyncio.timeout(20):
        assert await serve(build(for_ever, bad=ends)) == 1


async def test_a_clean_end_leaves_no_mark_and_nothing_to_report(
    build: Callable[..., Service], ground: Ground
) -> None:
    assert await stopped(build(for_ever)) == 0
    assert not mark(ground).exists()
    again = build(for_ever)
    assert await stopped(again) == 0
    assert events_of(again) == []


async def test_a_start_after_an_unclean_end_names_which_run_it_was(
    build: Callable[..., Service], ground: Ground
) -> None:
    async def fails() -> None:
        raise OSError("the disk is gone")

    first = build(fails)
    async with asyncio.timeout(20):
        assert await serve(first) == 1
    content = json.loads(mark(ground).read_text())
    second = build(for_ever)
    assert await stopped(second) == 0
    (event,) = events_of(second)
    assert event == ServiceEndedUncleanly(
        node=first.context.process.identity.node,
        service="webhooks",
        pid=os.getpid(),
        boot_id=content["boot_id"],
        version=first.context.process.version,
        started_unix_ms=first.context.process.started_unix_ms,
        restarts=1,
    )


async def test_bad_settings_are_no_unclean_end(
    build: Callable[..., Service], ground: Ground
) -> None:
    async def refuses() -> None:
        raise BadSettings("the port is in use")

    with pytest.raises(BadSettings):
        await serve(build(refuses))
    assert not mark(ground).exists()


async def test_a_folder_that_cannot_be_written_to_keeps_no_service_from_running(
    build: Callable[..., Service], ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    (ground.folder / FOLDER).write_text("a file")
    assert await stopped(build(for_ever)) == 0
    assert "an unclean end of this run will not be noticed" in caplog.text
