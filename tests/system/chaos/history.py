"""Decides whether what people saw could have happened on one machine, one thing at a time.

A register holds one value; every write gives it a value of its own. All operations on one value are
a *cluster*; its *zone* reaches from the first end among them to the last begin. Of a zone whose end
comes first (*forward*) the register held that value for all of it; else (*backward*) for a moment
within it. Such a history is linearizable exactly when no two forward zones overlap and no backward
zone lies within a forward one (Gibbons and Korach, Testing Shared Memories, 1997).

A write without an answer may have happened at any time since, or not at all: it counts once its
value was read.
"""

import itertools
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One write or read of *register*, in seconds of one clock; *end* is None without an answer."""

    register: str
    value: str
    begin: float
    end: float | None
    is_write: bool


@dataclass(frozen=True, slots=True)
class Zone:
    """When the register held *value*, for all that was seen."""

    value: str
    first_end: float
    last_begin: float

    @property
    def is_forward(self) -> bool:
        return self.first_end < self.last_begin

    def __str__(self) -> str:
        return f"{self.value} ({self.first_end:.3f} to {self.last_begin:.3f})"


def faults(history: Iterable[Operation]) -> list[str]:
    """What in *history* no single machine could have answered, a sentence each."""
    by_register = sorted(history, key=lambda each: each.register)
    return [
        f"{register}: {fault}"
        for register, operations in itertools.groupby(by_register, lambda each: each.register)
        for fault in _faults_of_one(tuple(operations))
    ]


def _faults_of_one(operations: Sequence[Operation]) -> list[str]:
    writes = {each.value: each for each in operations if each.is_write}
    reads = [each for each in operations if not each.is_write and each.end is not None]
    found = [fault for read in reads if (fault := _impossible(read, writes)) is not None]
    return found or _overlaps(_zones(writes, reads))


def _impossible(read: Operation, writes: dict[str, Operation]) -> str | None:
    write = writes.get(read.value)
    if write is None:
        return f"{read.value} was read and nobody wrote it"
    if read.end is not None and read.end < write.begin:
        return f"{read.value} was read before it was written"
    return None


def _zones(writes: dict[str, Operation], reads: Sequence[Operation]) -> list[Zone]:
    clusters = {value: [write] for value, write in writes.items() if write.end is not None}
    for read in reads:
        clusters.setdefault(read.value, [writes[read.value]]).append(read)
    return [
        Zone(
            value,
            min(math.inf if each.end is None else each.end for each in members),
            max(each.begin for each in members),
        )
        for value, members in clusters.items()
    ]


def _overlaps(zones: Sequence[Zone]) -> list[str]:
    forward = sorted((each for each in zones if each.is_forward), key=lambda each: each.first_end)
    found = [
        f"{later} was there while {earlier} was"
        for earlier, later in itertools.pairwise(forward)
        if later.first_end < earlier.last_begin
    ]
    if found:
        return found
    begins = [each.first_end for each in forward]
    for each in zones:
        around = bisect_left(begins, each.last_begin) - 1
        if each.is_forward or around < 0:
            continue
        if each.first_end < forward[around].last_begin:
            found.append(f"{each} came and went while {forward[around]} was there")
    return found
