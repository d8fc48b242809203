"""Programs at both ends that send known bytes, and the checker that compares them.

What arrives is compared while it arrives: always exactly a prefix of what was sent, never a byte
more after the end, and an end only after the last byte.
"""

from collections.abc import Callable
from random import Random

from clients.tunnel.effects import (
    StreamData,
    StreamEffect,
    StreamFinished,
    StreamId,
    StreamOpened,
    StreamRefused,
    StreamReset,
    StreamWritable,
)
from tests.simulation.tunnel.world import End, World

LATE_SECONDS = 0.3


class Flow:
    """One direction of one stream: what is to be sent, and what has come."""

    def __init__(self, random: Random, size: int) -> None:
        self.data = random.randbytes(size)
        self.sent = 0
        self.received = 0
        self.is_over = False

    def arrived(self, data: memoryview) -> None:
        assert not self.is_over, "bytes after the end"
        expected = self.data[self.received : self.received + len(data)]
        assert data == expected, f"other bytes at {self.received}"
        self.received += len(data)
        assert self.received <= self.sent, "bytes that were never sent"

    def finished(self) -> None:
        assert not self.is_over, "ended twice"
        assert self.received == len(self.data), f"ended at {self.received} of {len(self.data)}"
        self.is_over = True


class Traffic:
    """Streams in both directions, each of random size, sent in random portions."""

    def __init__(self, world: World, streams: int, most_bytes: int) -> None:
        self._world = world
        self._flows: dict[End, dict[StreamId, Flow]] = {end: {} for end in world.ends}
        for end in world.ends:
            end.program.on_stream = self._listener(end)
        sizes = world.random
        for _ in range(streams):
            stream = world.representative.tunnel.streams.open()
            assert stream is not None
            for end in world.ends:
                small = sizes.choice((0, 1, sizes.randrange(1, most_bytes)))
                size = most_bytes if stream == 1 else small
                self._flows[end][stream] = Flow(sizes, size)
            self._send_more(world.representative, stream)

    @property
    def is_complete(self) -> bool:
        return all(flow.is_over for flows in self._flows.values() for flow in flows.values())

    @property
    def bytes_received(self) -> int:
        return sum(flow.received for flows in self._flows.values() for flow in flows.values())

    def _listener(self, end: End) -> Callable[[StreamEffect], None]:
        other = next(each for each in self._world.ends if each is not end)

        def on_stream(effect: StreamEffect) -> None:
            match effect:
                case StreamOpened(stream) | StreamWritable(stream):
                    self._world.later(0, lambda: self._send_more(end, stream))
                case StreamData(stream, data):
                    self._flows[other][stream].arrived(data)
                    self._deliver(end, stream, len(data))
                case StreamFinished(stream):
                    self._flows[other][stream].finished()
                case StreamRefused(stream):
                    raise AssertionError(f"stream {stream} was one too many")
                case StreamReset(stream, reason):
                    raise AssertionError(f"stream {stream} was reset: {reason}")

        return on_stream

    def _deliver(self, end: End, stream: StreamId, count: int) -> None:
        """Now and then the program is slow."""
        seconds = LATE_SECONDS if self._world.random.random() < 0.05 else 0.0

        def delivered() -> None:
            end.tunnel.streams.consumed(stream, count)
            end.flush()

        self._world.later(seconds, delivered)

    def _send_more(self, end: End, stream: StreamId) -> None:
        flow, streams = self._flows[end][stream], end.tunnel.streams
        random = self._world.random
        while flow.sent < len(flow.data) and streams.takes_more(stream):
            size = min(random.choice((1, 100, 30_000, 300_000)), len(flow.data) - flow.sent)
            streams.send(stream, flow.data[flow.sent : flow.sent + size])
            flow.sent += size
        if flow.sent == len(flow.data):
            streams.finish(stream)
        end.flush()
