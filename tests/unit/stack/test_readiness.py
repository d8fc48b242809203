"""Waiting: it ends with the condition, with its deadline, or with the process it depends on."""

import asyncio
import time
from pathlib import Path

import pytest

from stack.failure import PortTaken, StartFailed
from stack.ports import HOST
from stack.processes import Child, Program
from stack.readiness import get, http_probe, until


def child(log: Path, code: int | None) -> Child:
    program = Program("alpha.relay", (), {}, log, log.parent)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if code is not None:
        ended.set_result(code)
    return Child(program, 1, ended)


async def yes() -> str | None:
    return None


async def no() -> str | None:
    return "the moon is down"


async def answering(reply: bytes) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    return await asyncio.start_server(answer, HOST, 0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def test_what_is_so_is_not_waited_for(tmp_path: Path) -> None:
    await until({"a": yes, "b": yes}, [child(tmp_path / "log", None)], 0.05)


async def test_nothing_to_wait_for_is_no_wait() -> None:
    await until({}, [], 0.05)


async def test_a_condition_that_comes_late_is_waited_for() -> None:
    answers = iter(["not yet", None])

    async def late() -> str | None:
        return next(answers)

    await until({"a": late}, [], 5)


async def test_a_deadline_names_what_is_missing_and_why() -> None:
    with pytest.raises(StartFailed, match=r"not ready after 0.05 s:\s+b: the moon is down$"):
        await until({"a": yes, "b": no}, [], 0.05)


async def test_a_process_that_ends_ends_the_wait_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\nno such option\n")
    began = time.perf_counter()
    with pytest.raises(StartFailed, match=r"(?s)alpha.relay ended with code 2.*no such option"):
        await until({"a": no}, [child(log, 2)], 30)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "words",
    [
        "OSError: [Errno 98] error while attempting to bind on address",
        "FATAL: could not bind IPv4 address",
        "listen tcp 127.0.0.1:4222: bind: address already in use",
        "the relay cannot listen on 127.0.0.1:7443: the port is in use; set MERIDIAN_RELAY_PORT",
    ],
)
async def test_a_port_that_somebody_else_uses_is_distinguished(tmp_path: Path, words: str) -> None:
    (tmp_path / "log").write_text(words)
    with pytest.raises(PortTaken):
        await until({"a": no}, [child(tmp_path / "log", 1)], 30)


async def test_a_process_without_output_has_no_last_words(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"ended with code -9$"):
        await until({"a": no}, [child(tmp_path / "nothing", -9)], 30)


async def test_an_answer_is_a_status_and_an_object() -> None:
    async with await answering(b'HTTP/1.1 503 No\r\n\r\n{"nats": "connecting"}') as server:
        answer = await get(port_of(server), "/readyz")
    assert (answer.status, answer.body) == (503, {"nats": "connecting"})


@pytest.mark.parametrize("reply", [b"", b"garbage", b"HTTP/1.1 many\r\n\r\n"])
async def test_what_is_no_answer_counts_as_none(reply: bytes) -> None:
    async with await answering(reply) as server:
        assert (await get(port_of(server), "/")).status == 0


async def test_a_server_that_is_not_there_has_no_status() -> None:
    async with await answering(b"") as server:
        port = port_of(server)
    assert (await get(port, "/")).status == 0


async def test_a_body_that_is_no_object_is_an_empty_one() -> None:
    async with await answering(b"HTTP/1.1 200 OK\r\n\r\n[1]") as server:
        answer = await get(port_of(server), "/")
    assert (answer.status, answer.body) == (200, {})


async def test_a_probe_says_what_was_answered() -> None:
    async with await answering(b'HTTP/1.1 503 No\r\n\r\n{"a": 1}') as server:
        why = await http_probe(port_of(server), "/readyz")()
    assert why == '/readyz answers 503 {"a": 1}'
