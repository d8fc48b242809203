"""Waits for conditions with a deadline: nothing here sleeps for a time that somebody guessed.

A wait polls, and ends early with the process's last words when a process that it depends on has
ended. A taken port is an error of its own, so that the site can begin with others.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_mapping
from shared.decoding.text import to_integer
from shared.domain.containment import describe_error
from stack.failure import NotReady, PortTaken, StartFailed, last_words
from stack.ports import HOST
from stack.processes import Child

POLL_SECONDS: Final = 0.1
PROBE_SECONDS: Final = 2.0
TAKEN: Final = re.compile(
    r"address already in use|could not bind|the port is in use|Errno 98\b", re.IGNORECASE
)

Probe = Callable[[], Awaitable[str | None]]
"""Asks once: None when it is so, else why not yet."""


@dataclass(frozen=True)
class ProbeAnswer:
    """An HTTP answer: its status, 0 when nobody answered, and its body as JSON (or empty)."""

    status: int
    body: Mapping[str, Any]


async def until(probes: Mapping[str, Probe], children: Iterable[Child], seconds: float) -> None:
    """Ask every probe until each succeeds.

    Raises:
        StartFailed: one of *children* ended; the message says which, and its last words.
        NotReady: *seconds* are over; the message says what is missing.
    """
    watched = tuple(children)
    reasons: dict[str, str] = dict.fromkeys(probes, "not asked yet")
    answers = asyncio.create_task(_until_all(probes, reasons))
    waits: list[asyncio.Task[Any]] = [
        answers,
        *(asyncio.create_task(child.wait()) for child in watched),
    ]
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            _refuse_the_dead(watched)
            await answers
    except TimeoutError as error:
        missing = "".join(f"\n  {name}: {why}" for name, why in reasons.items())
        raise NotReady(f"not ready after {seconds:g} s:{missing}") from error
    finally:
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def get(port: int, path: str, tls: ssl.SSLContext | None = None) -> ProbeAnswer:
    """Ask a server on this machine; a server that does not answer in time gives status 0."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _get(port, path, tls)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return ProbeAnswer(0, {})


def http_probe(port: int, path: str) -> Probe:
    """Make a probe that waits for status 200."""

    async def ask() -> str | None:
        answer = await get(port, path)
        if answer.status == 200:  # noqa: PLR2004 (HTTP's own number)
            return None
        return f"{path} answers {answer.status or 'nothing'} {json.dumps(answer.body)}"

    return ask


def postgres_probe(url: str) -> Probe:
    """Make a probe that waits until a database takes connections."""

    async def ask() -> str | None:
        try:
            connection = await asyncpg.connect(url, timeout=PROBE_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return describe_error(error)
        await connection.close()
        return None

    return ask


def failure_of(child: Child) -> StartFailed:
    """Say that *child* ended when it should not have, and its last words."""
    words = last_words(child.program.log)
    kind = PortTaken if TAKEN.search(words) else StartFailed
    return kind(f"{child.program.name} ended with code {child.exit_code}{words}")


async def _until_all(probes: Mapping[str, Probe], reasons: dict[str, str]) -> None:
    await asyncio.gather(*(_until_one(name, probe, reasons) for name, probe in probes.items()))


async def _until_one(name: str, probe: Probe, reasons: dict[str, str]) -> None:
    while (why := await probe()) is not None:
        reasons[name] = why
        await asyncio.sleep(POLL_SECONDS)
    del reasons[name]


def _refuse_the_dead(children: Iterable[Child]) -> None:
    for child in children:
        if not child.is_running:
            raise failure_of(child)


async def _get(port: int, path: str, tls: ssl.SSLContext | None) -> ProbeAnswer:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        return read_answer(await reader.read())
    finally:
        writer.close()


def read_answer(data: bytes) -> ProbeAnswer:
    """The answer in everything that a server sent.

    Raises:
        ValueError: it is no HTTP.
    """
    head, _, body = data.partition(b"\r\n\r\n")
    try:
        status = to_integer(head.split(maxsplit=2)[1].decode("ascii", "replace"))
    except (IndexError, Undecodable) as error:
        raise ValueError("no HTTP answer") from error
    return ProbeAnswer(status, _object(body))


def _object(body: bytes) -> Mapping[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    try:
        return decode_mapping(body, "answer")
    except Undecodable:
        return {}
