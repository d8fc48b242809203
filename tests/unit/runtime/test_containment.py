"""Contained tasks, in virtual time."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from shared.domain.errors import BadSettings
from shared.runtime.containment import Containment
from tests.fakes.virtual_time import pause, run, turn


@dataclass
class Told:
    """What a containment tells."""

    broken: list[BaseException] = field(default_factory=list[BaseException])
    counted: list[str] = field(default_factory=list[str])
    causes: list[str] = field(default_factory=list[str])

    def containment(self) -> Containment:
        return Containment(self.broken.append, self.counted.append)


@dataclass
class Worker:
    """Fails as often as it is told to, and then works until it is stopped."""

    failures: int
    error: Callable[[], Exception] = lambda: OverflowError("port must be 0-65535")
    began: list[float] = field(default_factory=list[float])
    works_seconds: float = 0.0

    async def run(self) -> None:
        self.began.append(asyncio.get_running_loop().time())
        if len(self.began) <= self.failures:
            await pause(self.works_seconds)
            raise self.error()
        await asyncio.Event().wait()


def test_a_worker_that_fails_is_told_of_counted_and_runs_again_with_back_off() -> None:
    async def story() -> list[float]:
        worker = Worker(failures=4)
        task = told.containment().keep("webhook", "ops", worker.run, told.causes.append)
        await pause(100)
        task.cancel()
        return worker.began

    told = Told()
    began = run(story())
    assert [after - before for before, after in pairwise(began)] == [1, 2, 4, 8]
    assert told.causes == ["OverflowError: port must be 0-65535"] * 4
    assert told.counted == ["webhook"] * 4
    assert told.broken == []


def test_the_pause_is_at_most_a_minute_and_a_steady_run_begins_it_anew() -> None:
    async def story(worker: Worker) -> list[float]:
        task = told.containment().keep("webhook", "ops", worker.run)
        await pause(2_000)
        task.cancel()
        began = worker.began
        return [after - before for before, after in pairwise(began)]

    told = Told()
    assert run(story(Worker(failures=10)))[-2:] == [60, 60]
    assert set(run(story(Worker(failures=10, works_seconds=60)))) == {61}


def test_a_worker_that_fails_disturbs_no_other() -> None:
    async def story() -> int:
        containment, done = told.containment(), list[str]()

        async def works() -> None:
            await pause(5)
            done.append("good")

        bad = containment.keep("webhook", "bad", Worker(failures=1_000).run)
        containment.keep("webhook", "good", works)
        await pause(10)
        bad.cancel()
        return len(done)

    told = Told()
    assert run(story()) == 1


def test_the_traceback_of_a_fault_is_logged_once_for_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        containment = told.containment()
        tasks = [containment.keep("peer", name, Worker(failures=2).run) for name in ("a", "b")]
        await pause(10)
        for task in tasks:
            task.cancel()

    told = Told()
    with caplog.at_level(logging.WARNING):
        run(story())
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False, False]
    assert "webhook" not in caplog.text
    assert "peer a failed; others go on: OverflowError" in caplog.text


@pytest.mark.parametrize("error", [AssertionError("ours"), BadSettings("no key")])
def test_a_broken_invariant_is_told_and_nothing_runs_again(error: Exception) -> None:
    async def story() -> Worker:
        worker = Worker(failures=1, error=lambda: error)
        task = told.containment().keep("peer", "a", worker.run, told.causes.append)
        await pause(100)
        assert task.exception() is error
        return worker

    told = Told()
    assert len(run(story()).began) == 1
    assert told.broken == [error]
    assert told.causes == []


def test_work_that_fails_once_has_the_result_that_was_agreed() -> None:
    async def fails() -> str:
        raise RecursionError

    async def works() -> str:
        return "an answer"

    async def story() -> list[str]:
        containment = told.containment()
        lookups = [fails(), works()]
        return [
            await containment.start("lookup", "a", lookup, lambda cause: f"none: {cause}")
            for lookup in lookups
        ]

    told = Told()
    assert run(story()) == ["none: RecursionError", "an answer"]


def test_who_cancels_a_worker_has_it_cancelled_at_once() -> None:
    async def story() -> bool:
        told = Told()
        task = told.containment().keep("peer", "a", Worker(failures=0).run, told.causes.append)
        await turn()
        task.cancel()
        await turn()
        assert told.causes == []
        return task.cancelled()

    assert run(story())
