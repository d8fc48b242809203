"""A loop that is blocked, and a process that sleeps: whoever acts under a grant stops in time."""

from shared.domain.ids import NodeId
from shared.runtime.clock import SystemClock
from shared.runtime.grant import GrantHolder
from tests.unit.failover_monitor.test_runner import at_work

ALPHA = NodeId("alpha")


def block_until(moment: float) -> None:
    """Keep the loop from running, as a computation that never awaits does."""
    clock = SystemClock()
    while clock.now() < moment:
        pass


async def test_while_the_monitors_loop_is_blocked_the_grant_ends_at_its_deadline() -> None:
    clock, config = SystemClock(), GrantHolder(ALPHA, "boot")
    async with at_work() as running:
        await running.bus.until(lambda: bool(running.bus.grants()))
        last = running.bus.grants()[-1]
        assert config.offer(last)
        block_until(last.valid_until)
        assert config.valid_epoch(clock.now()) is None
        assert not running.monitor.is_primary(clock.now())


async def test_a_monitor_that_was_blocked_goes_on_in_its_epoch_when_nobody_was_in_between() -> None:
    async with at_work() as running:
        await running.bus.until(lambda: bool(running.bus.grants()))
        before, first = running.bus.grants()[-1], running.lease.servers.key
        block_until(before.valid_until)
        await running.bus.until(lambda: running.bus.grants()[-1].valid_until > before.valid_until)
        assert running.lease.servers.key.revision > first.revision
        assert running.bus.grants()[-1].epoch == running.monitor.epoch == 1


async def test_a_grant_that_was_delayed_by_a_blocked_loop_gives_nothing_any_more() -> None:
    clock, config = SystemClock(), GrantHolder(ALPHA, "boot")
    async with at_work() as running:
        await running.bus.until(lambda: bool(running.bus.grants()))
        late = running.bus.grants()[-1]
        block_until(late.valid_until)
        assert config.offer(late)
        assert config.valid_epoch(clock.now()) is None
        assert not config.is_paused(clock.now())
