"""A round: the blow falls on the primary, the next one is awaited, and the old one is mended."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from bench.failover import rounds
from bench.failover.rounds import Blow, accept_again, fail_over
from bench.failover.stamps import History, Stamp
from bench.failover.writing import Pace


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Pair:
    """Two servers; when the first is hurt the second accepts after *seconds*."""

    seconds: float = 0.0
    history: History = field(default_factory=History)
    done: list[str] = field(default_factory=list[str])

    async def settled(self) -> str:
        self.done.append("settled")
        return "alpha"

    async def found(self) -> Collection[int]:
        return [stamp.number for stamp in self.history.stamps]

    async def strike(self, server: str) -> float:
        self.done.append(f"struck {server}")
        moment = now()
        late = Stamp(1, moment, moment + 0.1, frozenset(["alpha"]))
        self.history.add(late)
        if self.seconds:
            at = moment + self.seconds
            self.history.add(Stamp(2, moment, at, frozenset(["bravo"])))
        return moment

    async def mend(self, server: str) -> None:
        self.done.append(f"mended {server}")

    def blow(self) -> Blow:
        return Blow("hurt", self.strike, self.mend)


async def test_a_round_measures_from_the_blow_to_the_first_stamp_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0.0)
    pair = Pair(seconds=1.75)
    assert await fail_over(pair, pair.blow(), 0.0) == pytest.approx(1.75)
    assert pair.done == ["settled", "struck alpha", "mended alpha"]


async def test_a_primary_that_nobody_follows_is_mended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "FAILED_SECONDS", 0.02)
    pair = Pair()
    with pytest.raises(TimeoutError):
        await fail_over(pair, pair.blow(), 0.0)
    assert pair.done[-1] == "mended alpha"


async def test_a_sickness_is_mended_once_stamps_are_accepted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0.0)
    pair = Pair()

    async def strike(server: str) -> float:
        struck = now()
        for tenth in range(41):
            at = struck + 2.5 + tenth / 10
            pair.history.add(Stamp(tenth, at, at, frozenset(["alpha"])))
        return struck

    assert await accept_again(pair, Blow("sick", strike, pair.mend), 0.0) == pytest.approx(2.5)
    assert pair.done == ["settled", "mended alpha"]


async def test_a_blow_that_is_not_felt_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "AGAIN_LOOK_SECONDS", 0.01)
    pair, looks = Pair(), list[str]()

    async def strike(server: str) -> float:
        struck = now()
        for tenth in range(41):
            pair.history.add(Stamp(tenth, struck, struck + tenth / 10, frozenset(["alpha"])))
        return struck

    async def is_felt(server: str) -> bool:
        looks.append(server)
        return len(looks) > 3

    blow = Blow("sick", strike, pair.mend, is_felt)
    assert await accept_again(pair, blow, 0.0) == pytest.approx(0.1)
    assert looks == ["alpha"] * 4


async def test_a_subject_that_does_nothing_about_a_sickness_is_mended_and_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "SICK_SECONDS", 0.02)
    pair = Pair()
    began = now()

    async def mend(server: str) -> None:
        await pair.mend(server)
        for tenth in range(41):
            at = began + 6.0 + tenth / 10
            pair.history.add(Stamp(tenth, at, at, frozenset(["alpha"])))

    async def strike(server: str) -> float:
        return began

    assert await accept_again(pair, Blow("sick", strike, mend), 0.0) == pytest.approx(6.0)
    assert pair.done == ["settled", "mended alpha"]


async def test_a_stamp_begins_five_milliseconds_after_the_last() -> None:
    pace, began = Pace(), now()
    assert [await pace.number() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert now() - began >= 0.02
