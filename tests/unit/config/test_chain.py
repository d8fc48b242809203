"""Walking a chain: what follows, what is skipped, what is a fault, and parts that make a whole."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from services.config.core.chain import Chain
from services.config.read import chain as reading
from services.config.read.chain import verify_chain
from shared.clusterlog.log import RawEntry, verify
from shared.crypto.nodekeys import NodeKey
from shared.domain.ids import Sequence
from shared.domain.log import LogPlace, Op, StoredEntry
from shared.events.config import ChainVerified, VerifyChain
from tests.fakes.cluster_log import MemoryLog
from tests.integration.entries import ALPHA, Pen, control, node, put


def entries(pen: Pen, count: int) -> list[bytes]:
    names = (f"node{number}" for number in range(count))
    return [pen.write(put("node", name, node())).encode() for name in names]


def walked(pen: Pen, messages: list[bytes], *, may_skip: bool = False) -> Chain:
    chain = Chain(None, lambda stored: verify(stored, pen.trust()), may_skip=may_skip)
    for sequence, message in enumerate(messages, 1):
        if not chain.add(message, Sequence(sequence)):
            break
    return chain


def forged(pen: Pen) -> bytes:
    """The next entry, signed by a stranger in a master's name."""
    stranger = Pen(NodeKey.generate(), ALPHA, pen.position)
    return stranger.write(put("node", "x", node())).encode()


def test_entries_that_follow_one_another_are_a_chain() -> None:
    pen = Pen()
    chain = walked(pen, entries(pen, 3))

    assert (chain.entries, chain.skipped, chain.fault) == (3, 0, "")
    assert chain.end is not None
    assert (chain.end.revision, chain.end.hash) == (3, pen.position.hash)


def test_a_new_epoch_is_part_of_the_chain() -> None:
    pen = Pen()
    messages = entries(pen, 1)
    messages.append(pen.write(control(Op.EPOCH_BEGAN, {}), epoch=2).encode())
    messages += entries(pen, 1)
    assert walked(pen, messages).entries == 3


def test_a_copy_that_began_with_a_snapshot_begins_where_it_does() -> None:
    pen = Pen()
    chain = walked(pen, entries(pen, 5)[3:])
    assert (chain.entries, chain.fault) == (2, "")


def test_a_missing_entry_is_a_fault_that_says_where() -> None:
    pen = Pen()
    messages = entries(pen, 4)
    chain = walked(pen, [*messages[:2], messages[3]])
    assert chain.fault == "after revision 2: revision 4, not 3"
    assert chain.entries == 2


def test_an_altered_entry_is_a_fault() -> None:
    pen = Pen()
    messages = entries(pen, 3)
    messages[1] = messages[1].replace(b"node1", b"node9")
    assert walked(pen, messages).fault == (
        "after revision 1: stored log entry: hash: not that of the body"
    )


def test_an_entry_that_a_stranger_signed_is_a_fault() -> None:
    pen = Pen()
    messages = [*entries(pen, 1), forged(pen)]
    assert "not signed by a known master" in walked(pen, messages).fault


def test_another_history_is_a_fault_although_each_entry_is_whole() -> None:
    pen = Pen()
    messages = entries(pen, 2)
    other = Pen(pen.key, ALPHA, replace(pen.position, hash="0" * 63 + "1"))
    messages.append(other.write(put("node", "x", node())).encode())
    assert "another history" in walked(pen, messages).fault


def test_the_log_may_hold_what_every_follower_skips() -> None:
    pen = Pen()
    first, second = entries(pen, 2)
    messages = [first, forged(Pen(pen.key, ALPHA)), b"no entry", second]
    chain = walked(pen, messages, may_skip=True)
    assert (chain.entries, chain.skipped, chain.fault) == (2, 2, "")
    assert chain.end is not None
    assert chain.end.sequence == 4


@dataclass
class DatabaseCopy:
    """A database's copy, in memory."""

    pen: Pen
    messages: list[bytes]
    asked: list[LogPlace] = field(default_factory=list[LogPlace])

    async def entries_after(
        self, place: LogPlace, limit: int
    ) -> tuple[tuple[Sequence, bytes], ...]:
        self.asked.append(place)
        there = [(Sequence(number), each) for number, each in enumerate(self.messages, 1)]
        return tuple(there[place.revision :][:limit])


class Endless(MemoryLog):
    """A log of which somebody counts what was read."""

    read = 0

    async def read_from(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        for number, message in enumerate(self.messages[max(0, sequence - 1) :], sequence):
            self.read += 1
            yield RawEntry(Sequence(number), message)


async def part(
    copy: DatabaseCopy,
    log: Endless,
    of: Literal["log", "database"],
    after: ChainVerified | None = None,
) -> ChainVerified:
    def is_signed(stored: StoredEntry) -> bool:
        return verify(stored, copy.pen.trust())

    question = VerifyChain(node=ALPHA, of=of, after=None if after is None else after.end)
    return await verify_chain(question, copy, log, is_signed)


@pytest.mark.parametrize("of", ["log", "database"])
async def test_a_long_copy_is_walked_in_parts(
    of: Literal["log", "database"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "AT_A_TIME", 4)
    pen = Pen()
    messages = entries(pen, 6)
    copy, log = DatabaseCopy(pen, messages), Endless()
    log.messages = messages

    first = await part(copy, log, of)
    second = await part(copy, log, of, first)

    assert (first.entries, first.is_whole) == (4, False)
    assert (second.entries, second.is_whole, second.fault) == (2, True, "")
    assert second.end is not None
    assert second.end.hash == pen.position.hash
    assert log.read == (6 if of == "log" else 0)


async def test_a_broken_copy_is_not_whole() -> None:
    pen = Pen()
    messages = entries(pen, 3)
    found = await part(DatabaseCopy(pen, [messages[0], messages[2]]), Endless(), "database")
    assert not found.is_whole
    assert found.fault
