"""Starts, runs and ends every service in the same way.

A service is a `FastStream` app (its subscribers), a context (who it is) and tasks that run beside
it. Health is served before anything is connected. The tasks start at once and never wait for NATS:
the service tries to connect until it succeeds, and `/readyz` shows whether it has.

```python
def build_app(settings: RelaySettings, *, clock: Clock) -> Service:
    context = build_context(settings, "relay", clock)
    plane = DataPlane(...)
    context.bus.broker.include_router(router(Handlers(plane)))
    return Service(FastStream(context.bus.broker), context, tasks=(plane.serve,))


def main() -> None:
    run_service(RelaySettings, build_app)
```

*tasks* own the service's state: one that ends or fails ends the service, with a sentence and exit
code 1; so does a broken invariant wherever it shows. *workers* keep no state that a fault could
spoil: one that fails is reported, shown in `/readyz`, and started again after a backoff. A setting
that cannot be used ends the service with a sentence and exit code 2. SIGTERM and SIGINT end it
gracefully: first `ending`, then the events that wait, then the rest.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from faststream import FastStream
from nats.errors import Error as NatsError

from shared.domain.containment import describe_error, ends_process
from shared.domain.errors import BadSettings, MeridianError
from shared.domain.outage import Outage
from shared.domain.runs import Run
from shared.events.service import ServiceEndedUncleanly
from shared.messaging.broker import is_guarded
from shared.runtime.clock import Clock, SystemClock, kernel_boot_id
from shared.runtime.context import ServiceContext
from shared.runtime.log import set_up_logging
from shared.runtime.marks import Mark
from shared.runtime.metrics import MetricsServer
from shared.runtime.own_clock import OwnClock
from shared.settings import ServiceSettings

AGAIN_SECONDS: Final = 0.5
STOP_SECONDS: Final = 6.0
FLUSH_SECONDS: Final = 1.0
MISUSED: Final = 2
FAILED: Final = 1

Task = Callable[[], Awaitable[None]]
S = TypeVar("S", bound=ServiceSettings, contravariant=True)  # noqa: PLC0105 - the name is the thing


@dataclass(frozen=True)
class Service:
    """The result of `build_app`: subscribers, the service's identity, and tasks beside them.

    *workers* are named as `/readyz` shows them when they fail.
    *ending* is called on the way out, before the broker stops.
    """

    app: FastStream
    context: ServiceContext
    tasks: Sequence[Task] = ()
    workers: Mapping[str, Task] = field(default_factory=dict[str, Task])
    ending: Sequence[Task] = ()


class Build(Protocol[S]):
    """A composition root."""

    def __call__(self, settings: S, *, clock: Clock) -> Service: ...


def run_service(settings_class: type[S], build_app: Build[S]) -> None:
    """Read the environment, build the service and run it until a signal or a failed task."""
    try:
        settings = settings_class.read()
        set_up_logging(settings.node, form=settings.log_format, level=settings.log_level)
        service = build_app(settings, clock=SystemClock())
        set_up_logging(
            str(service.context.process.identity),
            form=settings.log_format,
            level=settings.log_level,
        )
        code = asyncio.run(serve(service))
    except BadSettings as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(MISUSED)
    sys.exit(code)


async def serve(service: Service) -> int:
    """Run *service* until a signal or a failed task, and return the exit code.

    Raises:
        BadSettings: the service is unsigned, or a port is in use.
    """
    context = service.context
    if not is_guarded(context.bus.broker):
        raise BadSettings("this service's broker does not sign its messages; it does not start")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context.telemetry.health.set("nats", ok=False, reason="not connected yet")
    metrics = MetricsServer(context.telemetry.registry, context.telemetry.health)
    await _listen(metrics, context.settings)
    mark = _begin_mark(context)
    tasks = [asyncio.create_task(_run_task(task)) for task in _tasks(service)]
    workers = [_start_worker(context, name, run) for name, run in _workers(service).items()]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    code = 0 if stopping.done() else FAILED
    try:
        for task in tasks:
            if task.done():
                _report_end(task)
    except BadSettings:
        code = MISUSED
        raise
    finally:
        await _end(service, [stopping, *tasks, *workers])
        await metrics.stop()
        if mark is not None and code != FAILED:
            mark.end()
    return code


def _begin_mark(context: ServiceContext) -> Mark | None:
    """Write the mark of this run, and report when the previous run did not end cleanly."""
    identity, log = context.process.identity, logging.getLogger("meridian.service")
    own = Run(
        *(identity.service, os.getpid(), kernel_boot_id()),
        *(context.process.version, context.process.started_unix_ms),
    )
    try:
        mark = Mark.begin(context.settings.state_dir, own)
    except OSError as error:
        log.warning("an unclean end of this run will not be noticed: %s", error)
        return None
    before = mark.unclean
    if before is not None:
        log.warning("process %d of this service did not end cleanly", before.pid)
        loop = before.is_crash_loop(context.clock.unix_ms(), runs=False)
        context.bus.events.emit(
            ServiceEndedUncleanly(
                node=identity.node,
                service=identity.service,
                pid=before.pid,
                boot_id=before.boot_id,
                version=before.version,
                started_unix_ms=before.started_unix_ms,
                restarts=mark.run.restarts,
                crash_loop=loop,
            )
        )
    return mark


def _tasks(service: Service) -> tuple[Task, ...]:
    context = service.context
    own = (context.faults.fatal.run, context.bus.events.run, partial(_stay_connected, service))
    return (*own, *service.tasks)


def _workers(service: Service) -> dict[str, Task]:
    context = service.context
    return {
        "rejections": partial(_report, context),
        "own clock": _own_clock(context).run,
        **service.workers,
    }


def _own_clock(context: ServiceContext) -> OwnClock:
    return OwnClock(
        *(context.process.identity, frozenset(context.keys.trust.masters), context.bus.publisher),
        *(context.security.clocks, context.telemetry.health, context.clock),
    )


def _start_worker(context: ServiceContext, name: str, run: Task) -> "asyncio.Task[None]":
    """Run a worker until cancelled; while it pauses after a fault the service is not ready."""
    condition = f"worker {name}"

    async def begin() -> None:
        context.telemetry.health.set(condition, ok=True)
        await run()
        raise AssertionError(f"the worker {name!r} returned; a worker runs until cancelled")

    def on_fault(cause: str) -> None:
        context.telemetry.health.set(
            condition, ok=False, reason=f"it failed and is started again: {cause}"
        )

    return context.faults.containment.keep("worker", name, begin, on_fault)


async def _listen(metrics: MetricsServer, settings: ServiceSettings) -> None:
    port = await metrics.start(settings.metrics_host, settings.metrics_port)
    log = logging.getLogger("meridian.service")
    log.info("health and metrics: http://%s:%d/readyz", settings.metrics_host, port)


async def _stay_connected(service: Service) -> None:
    """Connect, and keep the condition `nats` up to date until cancelled."""
    await connect(service)
    health, broker = service.context.telemetry.health, service.context.bus.broker
    while True:
        await asyncio.sleep(AGAIN_SECONDS)
        connected = await broker.ping(timeout=AGAIN_SECONDS)
        health.set("nats", ok=connected, reason="the connection is lost")


async def _report(context: ServiceContext) -> None:
    """Report refused messages until cancelled."""
    while True:
        await asyncio.sleep(AGAIN_SECONDS)
        context.security.rejections.report()


async def connect(service: Service) -> None:
    """Connect to NATS and start the subscribers, however long it takes."""
    log, outage = logging.getLogger("meridian.service"), Outage()
    while True:
        try:
            await service.app.start()
        except Exception as error:  # whatever the server answers, we try again
            if ends_process(error):
                raise
            reason = _describe_refusal(error, service.context.bus.access.user)
            service.context.telemetry.health.set("nats", ok=False, reason=reason)
            if outage.is_worth_a_line(reason):
                log.warning("NATS refused the connection: %s", reason)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            service.context.telemetry.health.set("nats", ok=True)
            log.info("connected to NATS")
            return


def _describe_refusal(error: Exception, user: str) -> str:
    """Say why NATS refused *user*, for an operator."""
    if "authorization" in str(error).lower():
        return f"it refused user {user!r}: see MERIDIAN_NATS_USER, MERIDIAN_NATS_PASSWORD_FILE"
    return describe_error(error)


async def _run_task(task: Task) -> None:
    await task()


def _report_end(task: "asyncio.Task[None]") -> None:
    log = logging.getLogger("meridian.service")
    error = task.exception()
    if isinstance(error, BadSettings):
        raise error
    if isinstance(error, MeridianError):
        log.error("the service ends: %s", error.message)
    else:
        log.error("the service ends: a task of it ended", exc_info=error)


async def _end(service: Service, tasks: Sequence["asyncio.Task[Any]"]) -> None:
    log = logging.getLogger("meridian.service")
    service.context.bus.ending.set()
    for ending in service.ending:
        with contextlib.suppress(MeridianError, NatsError, OSError, TimeoutError):
            await asyncio.wait_for(ending(), STOP_SECONDS)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS):
            await service.context.bus.events.flush()
    await asyncio.gather(*(_cancel(task) for task in tasks))
    try:
        await asyncio.wait_for(service.app.stop(), STOP_SECONDS)
    except (NatsError, OSError, TimeoutError) as error:
        log.debug("the broker did not stop in time: %s", error)


async def _cancel(task: "asyncio.Task[Any]") -> None:
    """Cancel *task* until it has ended: a connect that fails at that moment swallows the first."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()
