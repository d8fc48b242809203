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

from shared.clusterlog.log import CALL_SECONDS, NO_MESSAGE, ClusterLog, LogMissing, RawEntry
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import StoredEntry
from tests.simulation.failover.weather import ELECTION_SECONDS
from tests.simulation.failover.world import World
from tests.simulation.site.process import Process
from tests.simulation.site.servers import LogServers

T = TypeVar("T")


class Wire:
    """One process's calls to the log's servers."""

    def __init__(self, world: World, servers: LogServers, process: Process) -> None:
        self.world = world
        self.servers = servers
        self.process = process

    async def ask(self, work: Callable[[], T | Exception]) -> T | Exception:
        """What *work* at the servers answered.

        Raises:
            TimeoutError: no answer came in time.
        """
        master, world = self.process.master, self.world
        if world.weather.is_still and not (self.servers.is_down or master.mute or master.deaf):
            return work()
        answer: asyncio.Future[T | Exception] = self.process.create_future()
        for _ in range(world.times()):
            if world.random.random() >= world.weather.lost and not master.mute:
                world.at(world.now + world.delay(), self._arrive, work, answer)
        async with asyncio.timeout(CALL_SECONDS):
            return await answer

    def _arrive(self, work: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        world = self.world
        if self.servers.is_down:
            if world.random.random() < world.weather.late:
                wait = world.random.uniform(0, ELECTION_SECONDS[1])
                world.at(world.now + wait, self._arrive, work, answer)
            elif world.random.random() < 0.5:
                self._reply(answer, NoRespondersError())
            return
        self._reply(answer, work())

    def _reply(self, answer: "asyncio.Future[Any]", outcome: Any) -> None:
        world = self.world
        if world.random.random() >= world.weather.lost and not self.process.master.deaf:
            world.at(world.now + world.delay(), _settle, answer, outcome)


def _settle(answer: "asyncio.Future[Any]", outcome: Any) -> None:
    if not answer.done():
        answer.set_result(outcome)


class WiredLog(ClusterLog):
    """The real log adapter; only what it sends and reads goes through the simulated network."""

    def __init__(self, wire: Wire, generation: LogGeneration) -> None:
        super().__init__(Client(), generation)
        self._wire = wire

    def of(self, generation: LogGeneration) -> "WiredLog":
        return WiredLog(self._wire, generation)

    async def later(self) -> tuple[LogGeneration, ...]:
        """None: in this world nobody rebuilds the log."""
        try:
            await self._wire.ask(lambda: None)
        except TimeoutError as error:
            raise LogUnavailable(f"the log's generations are not told: {error}") from error
        return ()

    async def follow(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """Every message from *sequence* on, as long as the network brings them."""
        subscription = Subscription(self._wire, sequence)
        try:
            while True:
                yield await subscription.next()
        finally:
            subscription.end()

    def _require_connection(self) -> None:
        """The network says whether there is one, call by call."""

    async def _look(self, sequence: Sequence | None) -> RawEntry | None:
        wire = self._wire
        stale = wire.world.random.random() < wire.world.weather.stale
        try:
            found = await wire.ask(lambda: wire.servers.look(sequence, is_stale=stale))
        except TimeoutError as error:
            raise LogUnavailable(f"the log does not answer: {error}") from error
        if isinstance(found, NotFoundError):
            if found.err_code == NO_MESSAGE:
                return None
            raise LogMissing("the log is not there") from found
        if isinstance(found, Exception):
            raise LogUnavailable(f"the log does not answer: {found}") from found
        return RawEntry(Sequence(found[0]), found[1])

    async def _send(self, stored: StoredEntry, expected: Sequence) -> int | Exception:
        wire, message = self._wire, stored.encode()
        try:
            return await wire.ask(lambda: wire.servers.append(message, expected, stored.hash))
        except TimeoutError:
            return TimeoutError("no answer in time")
        except (NatsError, OSError) as error:
            return error


class Subscription:
    """A consumer of the log: it brings what comes, loses some, and may fall silent."""

    def __init__(self, wire: Wire, begin: Sequence) -> None:
        self._wire = wire
        self._brought: deque[RawEntry] = deque()
        self._came = asyncio.Event()
        servers = wire.servers
        for number in range(max(1, begin), len(servers.messages) + 1):
            self._send(Sequence(number), servers.messages[number - 1])
        servers.listeners.append(self._send)

    async def next(self) -> RawEntry:
        """The next message that the network brings."""
        while not self._brought:
            self._came.clear()
            await self._came.wait()
        return self._brought.popleft()

    def end(self) -> None:
        with suppress(ValueError):
            self._wire.servers.listeners.remove(self._send)

    def _send(self, sequence: Sequence, message: bytes) -> None:
        wire, world = self._wire, self._wire.world
        if wire.process.is_dead:
            self.end()
        elif world.weather.is_still and not wire.process.master.deaf:
            self._arrive(RawEntry(sequence, message))
        elif world.random.random() >= world.weather.lost and not wire.process.master.deaf:
            at = world.now + world.delay()
            world.at(at, self._arrive, RawEntry(sequence, message))

    def _arrive(self, raw: RawEntry) -> None:
        self._brought.append(raw)
        self._came.set()
