"""A process's way to the log's servers: the real adapter above, the world's network below."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import NotFoundError

from services.config.repair.lease import first_revision
from shared.clusterlog.log import (
    CALL_SECONDS,
    ClusterLog,
    LogConflict,
    LogMissing,
    RawEntry,
)
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import StoredEntry
from shared.messaging.compare_and_set import is_missing_message
from tests.fakes.log_servers import LogServers, Stream
from tests.simulation.failover.faults import ELECTION_SECONDS
from tests.simulation.failover.world import World
from tests.simulation.site.process import Process

T = TypeVar("T")


class Wire:
    """One process's calls to the log's servers."""

    def __init__(self, world: World, servers: LogServers, process: Process) -> None:
        self.world = world
        self.servers = servers
        self.process = process
        self.client = Client()
        """Of no server: the real adapter wants one, and what it sends goes through here."""

    async def ask(self, work: Callable[[], T | Exception]) -> T | Exception:
        """What *work* at the servers answered.

        Raises:
            TimeoutError: no answer came in time.
        """
        master, world = self.process.master, self.world
        if world.fault_plan.is_fault_free and not (
            self.servers.is_down or master.mute or master.deaf
        ):
            return work()
        answer: asyncio.Future[T | Exception] = self.process.create_future()
        for _ in range(world.times()):
            if world.random.random() >= world.fault_plan.lost and not master.mute:
                world.at(world.now + world.delay(), self._arrive, work, answer)
        async with asyncio.timeout(CALL_SECONDS):
            return await answer

    def _arrive(self, work: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        world = self.world
        if self.servers.is_down:
            if world.random.random() < world.fault_plan.late:
                wait = world.random.uniform(0, ELECTION_SECONDS[1])
                world.at(world.now + wait, self._arrive, work, answer)
            elif world.random.random() < 0.5:
                self._reply(answer, NoRespondersError())
            return
        self._reply(answer, work())

    def _reply(self, answer: "asyncio.Future[Any]", outcome: Any) -> None:
        world = self.world
        if world.random.random() >= world.fault_plan.lost and not self.process.master.deaf:
            world.at(world.now + world.delay(), _settle, answer, outcome)


def _settle(answer: "asyncio.Future[Any]", outcome: Any) -> None:
    if not answer.done():
        answer.set_result(outcome)


class WiredLog(ClusterLog):
    """The real log adapter; only what it sends and reads goes through the simulated network."""

    def __init__(self, wire: Wire, generation: LogGeneration) -> None:
        super().__init__(wire.client, generation)
        self._wire = wire

    def of(self, generation: LogGeneration) -> "WiredLog":
        return WiredLog(self._wire, generation)

    async def later(self) -> tuple[LogGeneration, ...]:
        servers = self._wire.servers
        return await self._at_servers(lambda: servers.later(self.generation))

    async def exists(self) -> bool:
        servers = self._wire.servers
        return await self._at_servers(lambda: self.generation in servers.streams)

    async def create(self, replicas: int) -> None:
        """Make the stream; however many servers there are, in this world they are as one."""
        del replicas
        servers = self._wire.servers
        if await self.exists():
            raise LogConflict(f"the log LOG-{self.generation} is there already")
        await self._at_servers(lambda: servers.create(self.generation))

    async def follow(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """Every message from *sequence* on, as long as the network brings them."""
        stream = self._wire.servers.streams.get(self.generation)
        if stream is None:
            raise LogUnavailable("the log cannot be followed: there is none")
        subscription = Subscription(self._wire, stream, sequence)
        try:
            while True:
                yield await subscription.next()
        finally:
            subscription.end()

    def _require_connection(self) -> None:
        """The network decides whether there is one, call by call."""

    async def _read(self, sequence: Sequence | None) -> RawEntry | None:
        wire = self._wire
        stale = wire.world.random.random() < wire.world.fault_plan.stale
        try:
            found = await wire.ask(
                lambda: wire.servers.look(self.generation, sequence, is_stale=stale)
            )
        except TimeoutError as error:
            raise LogUnavailable(f"the log does not answer: {error}") from error
        if isinstance(found, NotFoundError):
            if is_missing_message(found):
                return None
            raise LogMissing("the log is not there") from found
        if isinstance(found, Exception):
            raise LogUnavailable(f"the log does not answer: {found}") from found
        return RawEntry(Sequence(found[0]), found[1])

    async def _send(self, stored: StoredEntry, expected: Sequence) -> int | Exception:
        wire, message = self._wire, stored.encode()
        args = self.generation, message, expected, stored.hash
        try:
            return await wire.ask(lambda: wire.servers.append(*args))
        except TimeoutError:
            return TimeoutError("no answer in time")
        except (NatsError, OSError) as error:
            return error

    async def _at_servers(self, work: Callable[[], T]) -> T:
        """What *work* at the servers found or did.

        Raises:
            LogUnavailable: they do not answer.
        """
        try:
            outcome = await self._wire.ask(work)
        except TimeoutError as error:
            raise LogUnavailable(f"the log's servers do not answer: {error}") from error
        if isinstance(outcome, Exception):
            raise LogUnavailable(f"the log's servers do not answer: {outcome}") from outcome
        return outcome


class WiredServer:
    """The server at the other end of a wire, as a promotion and a rebuild see it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def can_write_lease(self) -> bool:
        bucket = self._wire.world.bucket
        return await self._is_true(lambda: not bucket.is_lost)

    async def is_alone(self) -> bool:
        return await self._is_true(lambda: self._wire.servers.is_alone)

    async def make_lease(self, replicas: int, generation: LogGeneration) -> None:
        """Make the lease's bucket where it is missing.

        Raises:
            LogUnavailable: the servers do not answer.
        """
        del replicas
        bucket = self._wire.world.bucket

        def make() -> bool:
            bucket.make(first_revision(generation))
            return True

        if not await self._is_true(make):
            raise LogUnavailable("the lease was not made")

    async def _is_true(self, work: Callable[[], bool]) -> bool:
        try:
            return await self._wire.ask(work) is True
        except TimeoutError:
            return False


class Subscription:
    """A consumer of the log: it brings what comes, loses some, and may fall silent."""

    def __init__(self, wire: Wire, stream: Stream, begin: Sequence) -> None:
        self._wire = wire
        self._stream = stream
        self._brought: deque[RawEntry] = deque()
        self._came = asyncio.Event()
        for number in range(max(1, begin), len(stream.messages) + 1):
            self._send(Sequence(number), stream.messages[number - 1])
        stream.listeners.append(self._send)

    async def next(self) -> RawEntry:
        """The next message that the network brings."""
        while not self._brought:
            self._came.clear()
            await self._came.wait()
        return self._brought.popleft()

    def end(self) -> None:
        with suppress(ValueError):
            self._stream.listeners.remove(self._send)

    def _send(self, sequence: Sequence, message: bytes) -> None:
        wire, world = self._wire, self._wire.world
        if wire.process.is_dead:
            self.end()
        elif world.fault_plan.is_fault_free and not wire.process.master.deaf:
            self._arrive(RawEntry(sequence, message))
        elif world.random.random() >= world.fault_plan.lost and not wire.process.master.deaf:
            at = world.now + world.delay()
            world.at(at, self._arrive, RawEntry(sequence, message))

    def _arrive(self, raw: RawEntry) -> None:
        self._brought.append(raw)
        self._came.set()
