"""The socket over which a running `meridian up` takes orders to kill and to start.

It lies in the site's state folder, and only its owner may open it. One request and one answer a
connection, each one JSON object on a line: `{"do": "kill" or "start", "node": "berlin", "service":
"relay" or null}`, then `{"done": ["berlin.relay"]}` or `{"refused": "why not"}`.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.containment import cause_of, ends_process
from shared.domain.errors import MeridianError
from stack.failure import StartFailed
from stack.paths import CONTROL

LONGEST_LINE_BYTES: Final = 65_536
ANSWER_SECONDS: Final = 60.0
NOBODY_ELSE: Final = 0o077


def control_in(state: Path) -> Path:
    """Return the place where the site in the folder *state* listens."""
    return state / CONTROL


class Verb(StrEnum):
    """The orders that a running site takes."""

    KILL = "kill"
    START = "start"


class Performs(Protocol):
    """Kills and starts processes; both give the names of those that it concerned."""

    async def kill(self, node: str, service: str | None) -> tuple[str, ...]: ...

    async def start(self, node: str, service: str | None) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Control:
    """The listening side."""

    performs: Performs

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncGenerator[None]:
        """Listen on *path* for as long as the block runs.

        Raises:
            OSError: nobody can listen there; the path may be longer than a socket's can be.
        """
        with _bound(path) as listener:
            server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=LONGEST_LINE_BYTES
            )
            try:
                yield
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one caller; an error in the request is reported to that caller."""
        try:
            answer = await self._answer(await reader.readline())
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            pass  # the caller is gone, or sent a line without an end
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = decode_object(line, "request")
            verb, node = request.choice("do", Verb), request.text("node")
            service = request.text("service") if "service" in request else None
            work = self._work(verb, node, service)
            return {"done": list(await work)}
        except MeridianError as error:
            return {"refused": error.message}
        except Exception as error:
            if ends_process(error):
                raise
            return {"refused": cause_of(error)}

    def _work(self, verb: Verb, node: str, service: str | None) -> Awaitable[tuple[str, ...]]:
        match verb:
            case Verb.KILL:
                return self.performs.kill(node, service)
            case Verb.START:
                return self.performs.start(node, service)


async def send_order(path: Path, verb: Verb, node: str, service: str | None) -> tuple[str, ...]:
    """Give the site whose socket is *path* an order; return the names of the processes concerned.

    Raises:
        StartFailed: no site runs there, or it refused; the message says why.
    """
    request = json.dumps({"do": verb, "node": node, "service": service}).encode() + b"\n"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await _exchange(path, request)
    except TimeoutError as error:
        raise StartFailed(f"the site in {path.parent} did not answer in time") from error
    except OSError as error:
        raise StartFailed(
            f"no site runs in {path.parent}, or it is somebody else's: {error.strerror or error}"
        ) from error
    try:
        answer = decode_object(line, "answer")
        if "refused" in answer:
            raise StartFailed(answer.text("refused"))
        return tuple(str(each) for each in answer.items("done"))
    except Undecodable as error:
        raise StartFailed(f"the site in {path.parent} ended before it answered") from error


async def _exchange(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE_BYTES)
    try:
        writer.write(request)
        return await reader.readline()
    finally:
        writer.close()


@contextlib.contextmanager
def _bound(path: Path) -> Generator[socket.socket]:
    """A socket at *path* that nobody but its owner could open at any moment.

    One that is there is of a site that was killed: the folder, with its lock, is ours.
    """
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(NOBODY_ELSE)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)
