"""Runs a command that carries a session: what ends it from outside, and what must not.

HUP, INT and TERM end the session with a good-bye to the other end and to the site. OpenSSH ends a
ProxyCommand by HUP; a terminal that closes may send it twice, and ctrl-C reaches ssh and its
ProxyCommand alike. So only a second INT ends the process at once, without waiting for anything. A
HUP that the process was started to ignore (nohup) stays ignored.

An error in a callback of the event loop that ends a process (`ends_process`) ends the command with
that error. Any other belongs to one connection, which it has ended; asyncio's report of it is
dropped.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from clients.session.narration import Narration, Narrator
from shared.domain.containment import ends_process
from shared.domain.ids import SessionId

MESSAGES: Final = {
    signal.SIGHUP: "its terminal, or the program that used it, is gone",
    signal.SIGINT: "closed by its user",
    signal.SIGTERM: "its program was stopped",
}
"""What the other end and the site read."""

SIGNALLED: Final = 128
"""The exit code of a process that a signal ended is this and the signal's number."""


def run_session(session: Coroutine[Any, Any, None], narration: Narration) -> None:
    """Run *session* to its end, and have its narration written.

    Raises:
        Exception: whatever *session* raises, or a broken invariant of one of its callbacks.
    """
    try:
        asyncio.run(_guard(session))
    finally:
        narration.close()


@contextmanager
def closing_on_signals(
    session: SessionId, close: Callable[[str], None], narrate: Narrator
) -> Generator[None]:
    """Call *close* with a message at the first signal; a second ctrl-C ends the process."""
    loop = asyncio.get_running_loop()
    interrupts = 0
    is_closing = False

    def on_signal(number: signal.Signals) -> None:
        nonlocal interrupts, is_closing
        interrupts += number is signal.SIGINT
        if interrupts > 1:
            os._exit(SIGNALLED + number)  # threads and connections may hang
        if not is_closing:
            is_closing = True
            if number is not signal.SIGHUP:  # whoever could read it is gone, or was ssh
                narrate("closing", session=session)
            close(MESSAGES[number])

    handled = [each for each in MESSAGES if not _is_ignored(each)]
    for number in handled:
        loop.add_signal_handler(number, partial(on_signal, number))
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # threads may still hold up the process


def _is_ignored(number: signal.Signals) -> bool:
    """Say whether *number* is ignored by whoever started this process.

    A shell script starts everything in the background with INT ignored, which is not meant so.
    """
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


async def _guard(session: Coroutine[Any, Any, None]) -> None:
    """Run *session*; a callback that breaks an invariant ends it with that error."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "a session runs in a task"
    faults: list[BaseException] = []

    def on_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and ends_process(error):
            faults.append(error)
            task.cancel()

    loop.set_exception_handler(on_exception)
    try:
        await session
    except asyncio.CancelledError:
        if faults:
            raise faults[0] from None
        raise
