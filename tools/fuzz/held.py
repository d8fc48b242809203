"""Stand-ins for what an adapter reads from: a file that lies in memory, a server that answers."""

import asyncio
import io
import os
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from nats.aio.client import Client
from nats.aio.msg import Msg

T = TypeVar("T")


class HeldFile:
    """A file that holds *data*, as far as a reader asks."""

    def __init__(self, data: bytes, name: str = "file") -> None:
        self.data, self.name, self.parent = data, name, Path("/nowhere")

    def __str__(self) -> str:
        return self.name

    def __truediv__(self, name: str) -> "HeldFile":
        return HeldFile(self.data, name)

    def read_bytes(self) -> bytes:
        return self.data

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.data.decode(encoding)

    def open(self, mode: str) -> io.BytesIO:
        assert mode == "rb", "outside input is read as bytes"
        return io.BytesIO(self.data)

    def stat(self) -> os.stat_result:
        return os.stat_result((0, id(self), 0, 0, 0, 0, len(self.data), 0, 0, 0))


def file_of(data: bytes, name: str = "file") -> Path:
    """*data* in place of a file's path."""
    return cast("Path", HeldFile(data, name))


class AnsweringClient:
    """A connection on which every request is answered with *data*."""

    is_connected = True

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def request(self, subject: str, *_: Any, **__: Any) -> Msg:
        return Msg(cast("Client", self), subject, data=self.data)

    def jetstream(self, **_: Any) -> "AnsweringClient":
        return self

    async def publish(self, *_: Any, **__: Any) -> "AnsweringClient":
        return self

    duplicate = True
    """Nothing that is written here counts."""


def answering(data: bytes) -> Client:
    """A client whose every request is answered with *data*."""
    return cast("Client", AnsweringClient(data))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def finished(call: Coroutine[Any, Any, T]) -> T:
    """What *call* gives, on this process's own loop."""
    return _loop().run_until_complete(call)


def on_loop(call: Callable[[asyncio.AbstractEventLoop], T]) -> T:
    """What *call* gives with that loop."""
    return call(_loop())
