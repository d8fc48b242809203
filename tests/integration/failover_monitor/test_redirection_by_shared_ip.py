"""A shared address in network namespaces: it follows the primary, and dies with its process."""

import asyncio
import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.shared_ip import SharedIpMethod
from shared.documents.redirection import Redirection, RedirectionMethod, SharedIp
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, Instant, NodeId
from shared.runtime.clock import SystemClock
from tests.integration.failover_monitor.namespaces import (
    ALPHA,
    BRAVO,
    NEIGHBOUR,
    OWN,
    Ethernet,
    ethernet,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces"),
]

SHARED = "192.0.2.100"
SECONDS = 30.0


@dataclass
class Lease:
    """A role that lasts until then."""

    until: float

    def is_primary(self, now: Instant) -> bool:
        return now < self.until


def method(seconds: float) -> SharedIpMethod:
    clock = SystemClock()
    return SharedIpMethod(Lease(clock.now() + seconds), clock, 0.25)


def desired(node: str = ALPHA, epoch: int = 1, **more: str) -> DesiredState:
    shared = SharedIp.model_validate({"address": f"{SHARED}/24", **more})
    setting = Redirection(method=RedirectionMethod.SHARED_IP, shared_ip=shared)
    return DesiredState("support.example.com", NodeId(node), Epoch(epoch), setting)


@pytest.fixture(scope="module")
def wires() -> Generator[Ethernet]:
    with ethernet() as wires:
        yield wires


@contextmanager
def on(wires: Ethernet, machine: str) -> Generator[None]:
    """Be on *machine*, also in threads that are started later."""
    with wires.inside(machine), ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


async def refusal(wires: Ethernet, machine: str, wanted: DesiredState, seconds: float = 60) -> str:
    with on(wires, machine), pytest.raises(RedirectionFailed) as caught:
        await method(seconds).redirect(wanted)
    return caught.value.message


async def test_neighbours_reach_the_new_primary_and_not_who_held_the_address_before(
    wires: Ethernet,
) -> None:
    old, new = method(2.5), method(60)
    with on(wires, ALPHA):
        await old.redirect(desired())
    await until(lambda: wires.who_answers(SHARED) == ALPHA)
    await until(lambda: SHARED not in wires.lifetimes(ALPHA))

    async def led() -> bool:
        with on(wires, BRAVO):
            await new.redirect(desired(BRAVO, 2))
        return wires.who_answers(SHARED) == BRAVO

    async with asyncio.timeout(SECONDS):
        while not await led():
            await asyncio.sleep(0.25)
    with on(wires, BRAVO):
        await new.release(desired(BRAVO, 2))
    assert SHARED not in wires.lifetimes(BRAVO)


async def test_the_neighbours_are_notified_whenever_it_is_renewed(wires: Ethernet) -> None:
    holding = method(30)
    with wires.listener() as wire:
        with on(wires, ALPHA):
            await holding.redirect(desired())
            await holding.redirect(desired())
            await holding.release(desired())
        announced = [wires.claimed(wire), wires.claimed(wire)]

    assert announced == [(SHARED, wires.hardware(ALPHA))] * 2


async def test_an_address_that_nobody_renews_vanishes_with_the_lease(wires: Ethernet) -> None:
    with on(wires, ALPHA):
        await method(2.9).redirect(desired())

    assert wires.lifetimes(ALPHA)[SHARED] == 2
    await until(lambda: SHARED not in wires.lifetimes(ALPHA))


async def test_a_renewal_prolongs_what_is_there(wires: Ethernet) -> None:
    with on(wires, ALPHA):
        await method(1.2).redirect(desired())
        assert wires.lifetimes(ALPHA)[SHARED] == 1
        await method(30.5).redirect(desired())
        assert wires.lifetimes(ALPHA)[SHARED] >= 28
        await method(30).release(desired())

    assert OWN[ALPHA] in wires.lifetimes(ALPHA)
    assert SHARED not in wires.lifetimes(ALPHA)


async def test_what_is_gone_already_can_be_given_up(wires: Ethernet) -> None:
    with on(wires, ALPHA):
        await method(30).release(desired())

    assert SHARED not in wires.lifetimes(ALPHA)


async def test_an_interface_may_be_named(wires: Ethernet) -> None:
    with on(wires, ALPHA):
        await method(30).redirect(desired(interface="cable"))
        assert SHARED in wires.lifetimes(ALPHA)
        await method(30).release(desired(interface="cable"))


async def test_who_is_primary_no_more_takes_no_address(wires: Ethernet) -> None:
    error = await refusal(wires, ALPHA, desired(), seconds=-1)

    assert error == "this master is no longer primary"
    assert SHARED not in wires.lifetimes(ALPHA)


async def test_an_interface_that_is_not_there_is_named(wires: Ethernet) -> None:
    assert await refusal(wires, ALPHA, desired(interface="nope0")) == (
        "this master has no interface nope0"
    )


async def test_a_network_in_which_no_interface_lies_is_named(wires: Ethernet) -> None:
    error = await refusal(wires, ALPHA, desired(address="198.51.100.7/24"))

    assert error.startswith("no interface of this master lies in 198.51.100.0/24: name one in ")


async def test_an_address_that_a_machine_has_for_ever_is_not_made_mortal(wires: Ethernet) -> None:
    error = await refusal(
        wires, NEIGHBOUR, desired(address=f"{OWN[NEIGHBOUR]}/24", interface="bridge")
    )

    assert error.startswith(f"{OWN[NEIGHBOUR]} is a fixed address of this master's bridge: ")
    assert OWN[NEIGHBOUR] in wires.lifetimes(NEIGHBOUR)
