"""No reader, and none that is missing, holds up whoever writes lines."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from clients.session.line_writer import QUEUE_LINES, LineWriter

SECONDS = 10.0


def describe_loss(count: int) -> bytes:
    return b"lost %d\n" % count


@contextmanager
def piped(*, blocking: bool = True) -> Generator[tuple[int, LineWriter]]:
    """The reading end of a pipe, and a writer to the other."""
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    try:
        yield reading, LineWriter(writing, describe_loss)
    finally:
        os.close(writing)


def test_lines_come_in_order() -> None:
    with piped() as (reading, writer):
        for number in range(100):
            writer.put(b"%d\n" % number)
        writer.flush(SECONDS)
        assert os.read(reading, 1 << 16).split() == [b"%d" % number for number in range(100)]
        os.close(reading)


def test_lines_wait_while_the_writer_is_paused() -> None:
    with piped() as (reading, writer):
        os.set_blocking(reading, False)
        writer.put(b"before\n")
        writer.pause()
        writer.put(b"after\n")
        assert os.read(reading, 100) == b"before\n"
        with pytest.raises(BlockingIOError):
            os.read(reading, 100)
        writer.resume()
        writer.flush(SECONDS)
        assert os.read(reading, 100) == b"after\n"
        os.close(reading)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_frozen_reader_costs_lines_and_learns_how_many(blocking: bool) -> None:
    with piped(blocking=blocking) as (reading, writer):
        line = b"x" * 1023 + b"\n"
        count = 64 + QUEUE_LINES + 10  # a pipe takes 64 KiB
        for _ in range(count):
            writer.put(line)
        received = bytearray()
        while b"lost" not in received:
            received += os.read(reading, 1 << 16)
            writer.put(b"more\n")
        lines = bytes(received).split(b"\n")
        lost = next(each for each in lines if each.startswith(b"lost"))
        assert int(lost.split()[1]) > 0
        assert received.count(line) + int(lost.split()[1]) <= count + received.count(b"more") + 1
        os.close(reading)


def test_a_reader_that_went_away_costs_nothing() -> None:
    with piped() as (reading, writer):
        os.close(reading)
        for _ in range(QUEUE_LINES * 2):
            writer.put(b"line\n")
        assert writer.flush(SECONDS)
        writer.put(b"late\n")
        assert writer.flush(SECONDS)


def test_a_full_disk_costs_lines_until_there_is_room() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    reading, writing = os.pipe()
    writer = LineWriter(full, describe_loss)
    for _ in range(5):
        writer.put(b"line\n")
    writer.flush(SECONDS)
    os.dup2(writing, full)
    writer.put(b"room again\n")
    writer.flush(SECONDS)
    assert os.read(reading, 100) == b"lost 5\nroom again\n"
    for descriptor in (full, reading, writing):
        os.close(descriptor)
