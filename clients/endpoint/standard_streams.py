"""Owns the standard input and output of `meridian connect --stdio`, as one socket.

Two threads copy, because standard input may be a file, which no event loop can wait for. The end of
the input is a half-close. **An output that nobody reads ends the connection**, also while there is
nothing to write; so does an input or output that fails. Descriptors may be non-blocking: whoever
started the process shares them.
"""

import asyncio
import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Final

COPY_BYTES: Final = 64 * 1024
INPUT: Final = 0
OUTPUT: Final = 1


class StandardStreams:
    """This process's standard input and output; *on_failure* is called once, with a sentence."""

    def __init__(self, on_failure: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_failure = on_failure
        self.connection, self._copied = socket.socketpair()
        self.connection.setblocking(False)
        self._output = threading.Thread(target=self._copy_output, daemon=True)
        self._output.start()
        threading.Thread(target=self._copy_input, daemon=True).start()

    async def wait_flushed(self, seconds: float) -> bool:
        """Wait until everything received is written, at most *seconds*; False if it is not."""
        await asyncio.to_thread(self._output.join, seconds)
        return not self._output.is_alive()

    def _copy_input(self) -> None:
        try:
            while data := _read(INPUT):
                if not self._send(data):
                    return
        except OSError as error:
            self._report(f"standard input cannot be read: {error.strerror}")
            return
        with contextlib.suppress(OSError):
            self._copied.shutdown(socket.SHUT_WR)

    def _send(self, data: bytes) -> bool:
        """Give *data* to the connection; False when that is over."""
        try:
            self._copied.sendall(data)
        except OSError:
            return False
        return True

    def _copy_output(self) -> None:
        try:
            while data := self._receive():
                _write(OUTPUT, data)
        except BrokenPipeError:
            self._report("nobody reads the standard output any more")
        except OSError as error:
            self._report(f"standard output cannot be written: {error.strerror}")
        # Whoever reads the standard output learns of the end now, while the process lives on.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, OUTPUT)
        os.close(nowhere)

    def _receive(self) -> bytes:
        """Wait for bytes of the connection; empty at its end.

        Raises:
            BrokenPipeError: nobody reads the standard output.
        """
        poller = select.poll()
        poller.register(self._copied, select.POLLIN)
        poller.register(OUTPUT, 0)
        happened = dict(poller.poll())
        if happened.get(OUTPUT, 0) & (select.POLLERR | select.POLLHUP):
            raise BrokenPipeError
        try:
            return self._copied.recv(COPY_BYTES)
        except ConnectionError:
            return b""

    def _report(self, reason: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the connection is over
            self._loop.call_soon_threadsafe(self._on_failure, reason)


def _read(descriptor: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, COPY_BYTES)
        except BlockingIOError:
            _wait(descriptor, select.POLLIN)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            _wait(descriptor, select.POLLOUT)


def _wait(descriptor: int, events: int) -> None:
    poller = select.poll()
    poller.register(descriptor, events)
    poller.poll()
