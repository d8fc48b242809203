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
class Reports:
    """What a containment tells."""

    fatal: list[BaseException] = field(default_factory=list[BaseException])
    counted: list[str] = field(default_factory=list[str])
    causes: list[str] = field(default_factory=list[str])

    def containment(self) -> Containment:
        return Containment(self.fatal.append, self.counted.append)


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


def test_a_worker_that_fails_is_reported_counted_and_runs_again_with_back_off() -> None:
    async def scenario() -> list[float]:
        worker = Worker(failures=4)
        task = reports.containment().keep("webhook", "ops", worker.run, reports.causes.append)
        await pause(100)
        task.cancel()
        return worker.began

    reports = Reports()
    began = run(scenario())
    assert [after - before for before, after in pairwise(began)] == [1, 2, 4, 8]
    assert reports.causes == ["OverflowError: port must be 0-65535"] * 4
    assert reports.counted == ["webhook"] * 4
    assert reports.fatal == []


def test_the_pause_is_at_most_a_minute_and_a_steady_run_begins_it_anew() -> None:
    async def scenario(worker: Worker) -> list[float]:
        task = reports.containment().keep("webhook", "ops", worker.run)
        await pause(2_000)
        task.cancel()
        began = worker.began
        return [after - before for before, after in pairwise(began)]

    reports = Reports()
    assert run(scenario(Worker(failures=10)))[-2:] == [60, 60]
    assert set(run(scenario(Worker(failures=10, works_seconds=60)))) == {61}


def test_a_worker_that_fails_disturbs_no_other() -> None:
    async def scenario() -> int:
        containment, done = reports.containment(), list[str]()

        async def works() -> None:
            await pause(5)
            done.append("good")

        bad = containment.keep("webhook", "bad", Worker(failures=1_000).run)
        containment.keep("webhook", "good", works)
        await pause(10)
        bad.cancel()
        return len(done)

    reports = Reports()
    assert run(scenario()) == 1


def test_the_traceback_of_a_fault_is_logged_once_for_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        containment = reports.containment()
        tasks = [containment.keep("peer", name, Worker(failures=2).run) for name in ("a", "b")]
        await pause(10)
        for task in tasks:
            task.cancel()

    reports = Reports()
    with caplog.at_level(logging.WARNING):
        run(scenario())
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False, False]
    assert "webhook" not in caplog.text
    assert "peer a failed; others go on: OverflowError" in caplog.text


@pytest.mark.parametrize("error", [AssertionError("ours"), BadSettings("no key")])
def test_a_broken_invariant_is_reported_and_nothing_runs_again(error: Exception) -> None:
    async def scenario() -> Worker:
        worker = Worker(failures=1, error=lambda: error)
        task = reports.containment().keep("peer", "a", worker.run, reports.causes.append)
        await pause(100)
        assert task.exception() is error
        return worker

    reports = Reports()
    assert len(run(scenario()).began) == 1
    assert reports.fatal == [error]
    assert reports.causes == []


def test_work_that_fails_once_has_the_result_that_was_agreed() -> None:
    async def fails() -> str:
        raise RecursionError

    async def works() -> str:
        return "an answer"

    async def scenario() -> list[str]:
        containment = reports.containment()
        lookups = [fails(), works()]
        return [
            await containment.start("lookup", "a", lookup, lambda cause: f"none: {cause}")
            for lookup in lookups
        ]

    reports = Reports()
    assert run(scenario()) == ["none: RecursionError", "an answer"]


def test_who_cancels_a_worker_has_it_cancelled_at_once() -> None:
    async def scenario() -> bool:
        reports = Reports()
        task = reports.containment().keep(
            "peer", "a", Worker(failures=0).run, reports.causes.append
        )
        await turn()
        task.cancel()
        await turn()
        assert reports.causes == []
        return task.cancelled()

    assert run(scenario())
