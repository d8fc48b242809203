"""What ends a session from outside, and what must not."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from clients.session.narration import Narration, build_narrator
from clients.session.running import MESSAGES, closing_on_signals, run_session
from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId

SESSION = SessionId("4821739")


@pytest.fixture(autouse=True)
def _handlers() -> Generator[None]:
    """Give every signal back the handler that it had."""
    handlers = {number: signal.getsignal(number) for number in MESSAGES}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def narrate(tmp_path: Path) -> Generator[Narration]:
    with (tmp_path / "lines").open("w") as target:
        yield build_narrator(target, as_json=True)


async def closed_by(*signals: signal.Signals) -> tuple[list[str], list[tuple[str, Any]]]:
    """The messages with which *signals* close a session, and what is narrated."""
    messages: list[str] = []
    events: list[tuple[str, Any]] = []
    closed = asyncio.Event()

    def narrate(event: str, **fields: Any) -> None:
        events.append((event, fields))

    def close(message: str) -> None:
        messages.append(message)
        closed.set()

    with closing_on_signals(SESSION, close, narrate):
        for number in signals:
            os.kill(os.getpid(), number)
            await closed.wait()
        for _ in range(10):
            await asyncio.sleep(0)
    return messages, events


@pytest.mark.parametrize("number", MESSAGES)
async def test_a_signal_closes_the_session_and_ctrl_c_says_whose_it_was(
    number: signal.Signals,
) -> None:
    messages, events = await closed_by(number)
    assert messages == [MESSAGES[number]]
    expected = [] if number is signal.SIGHUP else [("closing", {"session": SESSION})]
    assert events == expected


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGHUP, signal.SIGHUP),
        (signal.SIGINT, signal.SIGHUP),
        (signal.SIGHUP, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
    ],
)
async def test_only_a_second_ctrl_c_breaks_off(signals: tuple[signal.Signals, ...]) -> None:
    messages, events = await closed_by(*signals)
    assert messages == [MESSAGES[signals[0]]]
    assert len(events) <= 1


async def test_a_hup_that_the_process_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with closing_on_signals(SESSION, pytest.fail, pytest.fail):
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.parametrize("error", [AssertionError("we are wrong"), BadSettings("no such file")])
def test_a_broken_invariant_of_a_callback_ends_the_command(
    narrate: Narration, error: Exception
) -> None:
    async def session() -> None:
        asyncio.get_running_loop().call_soon(raise_error, error)
        await asyncio.Event().wait()

    with pytest.raises(type(error), match=str(error)):
        run_session(session(), narrate)


def test_an_error_of_one_connection_ends_nothing_and_prints_nothing(
    narrate: Narration, capfd: pytest.CaptureFixture[str]
) -> None:
    over: list[str] = []

    async def session() -> None:
        task = asyncio.create_task(asyncio.to_thread(raise_error, OSError("gone")))
        await asyncio.wait({task})
        del task
        asyncio.get_running_loop().call_soon(raise_error, ConnectionError("reset"))
        await asyncio.sleep(0)
        over.append("well")

    run_session(session(), narrate)
    assert over == ["well"]
    assert capfd.readouterr() == ("", "")


def raise_error(error: Exception) -> None:
    raise error


def test_libraries_print_no_lines_of_their_own() -> None:
    script = """
import contextlib, logging, sys
from clients.cli import main
sys.argv = ["meridian", "--help"]
with contextlib.suppress(SystemExit):
    main()
logging.getLogger("asyncio").warning("socket.send() raised exception.")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert run.stderr == b""


def test_a_narrator_ends_with_its_command(tmp_path: Path) -> None:
    async def session() -> None:
        narrate("joined", session=SESSION)

    with (tmp_path / "lines").open("w") as target:
        narrate = build_narrator(target, as_json=False)
        narrate.hold(io.StringIO())
        run_session(session(), narrate)
        assert (tmp_path / "lines").read_text() == "joined session 4821739\n"
