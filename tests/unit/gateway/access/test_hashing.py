"""Few threads hash, and nobody's work is forgotten or done twice."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from services.gateway.access.hashing import HashThreads
from services.gateway.core.fair_queue import Origin
from tests.fakes.virtual_time import turn

PATIENCE_SECONDS = 20


@dataclass
class SlowHashes:
    """Hashes that take until they are allowed to finish."""

    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    begun: list[str] = field(default_factory=list[str])
    changed: threading.Condition = field(default_factory=threading.Condition)

    def named(self, name: str) -> Callable[[], str]:
        def work() -> str:
            with self.changed:
                self.begun.append(name)
                self.changed.notify_all()
            assert self.gate.acquire(timeout=PATIENCE_SECONDS)
            return name

        return work

    async def until_begun(self, count: int) -> None:
        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(lambda: len(self.begun) >= count, PATIENCE_SECONDS)

        assert await asyncio.to_thread(wait)


async def test_so_many_hashes_run_at_once_and_the_sources_take_turns() -> None:
    threads, hashes = HashThreads(2), SlowHashes()
    flood = [
        asyncio.create_task(threads.run(hashes.named(f"flood {number}"), Origin("flood")))
        for number in range(5)
    ]
    await hashes.until_begun(2)
    await turn()
    honest = asyncio.create_task(threads.run(hashes.named("honest"), Origin("b")))
    known = Origin("c", is_privileged=True)
    first = asyncio.create_task(threads.run(hashes.named("first"), known))
    await turn()
    assert len(hashes.begun) == 2

    hashes.gate.release(7)

    assert await first == "first"
    assert await honest == "honest"
    assert await asyncio.gather(*flood) == [f"flood {number}" for number in range(5)]
    assert hashes.begun.index("first") < 4
    assert hashes.begun.index("honest") < 6


async def test_a_caller_who_goes_away_frees_no_thread_that_still_hashes() -> None:
    threads, hashes = HashThreads(1), SlowHashes()
    gone = asyncio.create_task(threads.run(hashes.named("gone"), Origin("a")))
    await hashes.until_begun(1)
    gone.cancel()
    following = asyncio.create_task(threads.run(hashes.named("following"), Origin("a")))
    await turn()
    assert (gone.cancelled(), hashes.begun) == (True, ["gone"])

    hashes.gate.release(2)

    assert await following == "following"


async def test_who_goes_away_while_queued_is_passed_over() -> None:
    threads, hashes = HashThreads(1), SlowHashes()
    running = asyncio.create_task(threads.run(hashes.named("running"), Origin("a")))
    gone = asyncio.create_task(threads.run(hashes.named("gone"), Origin("b")))
    following = asyncio.create_task(threads.run(hashes.named("following"), Origin("c")))
    await hashes.until_begun(1)
    await turn()
    gone.cancel()

    hashes.gate.release(2)

    assert (await running, await following) == ("running", "following")
    assert hashes.begun == ["running", "following"]


async def test_who_goes_away_just_when_its_turn_comes_passes_it_on() -> None:
    threads = HashThreads(1)
    begun = threading.Event()
    running = asyncio.create_task(threads.run(lambda: begun.wait(PATIENCE_SECONDS), Origin("a")))
    gone = asyncio.create_task(threads.run(lambda: "gone", Origin("b")))
    await turn()
    running.add_done_callback(lambda _: gone.cancel())
    begun.set()

    await running
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await asyncio.wait_for(threads.run(lambda: "next", Origin("c")), PATIENCE_SECONDS)


async def test_a_hash_that_fails_frees_its_thread() -> None:
    threads = HashThreads(1)

    def broken() -> str:
        raise MemoryError("no memory for a hash")

    for _ in range(3):
        with pytest.raises(MemoryError):
            await threads.run(broken, Origin("a"))
    assert await threads.run(lambda: "done", Origin("a")) == "done"
