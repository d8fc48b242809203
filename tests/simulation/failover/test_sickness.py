"""Masters that live and do not work: the role goes where changes are accepted, and stays there."""

import pytest

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION
from tests.simulation.failover.acceptance import Acceptance, takeover_bound
from tests.simulation.failover.services import Sickness
from tests.simulation.failover.sickness import (
    EVERY_SICKNESS,
    heal,
    moves,
    play,
    settled_world,
    sicken,
)
from tests.simulation.failover.world import NODES

ALPHA, BRAVO = NODES
SEEDS, AT_A_TIME = 2_000, 100
"""What every run of the tests plays; `make simulate ONLY=sickness` plays more."""


@pytest.mark.parametrize("preset", ["local", "lan", "wan"])
def test_a_primary_that_commits_nothing_is_replaced_within_the_bound(preset: str) -> None:
    for seed, sickness in enumerate(EVERY_SICKNESS * 8):
        world = settled_world(seed, preset)
        acceptance = Acceptance(world, takeover_bound(world.timing))
        sicken(world, ALPHA, CONFIG, sickness)
        world.run(world.now + 60)
        assert world.primaries() == [BRAVO], sickness
        assert acceptance.accepts()
        heal(world, ALPHA)
        world.run(world.now + 60)
        assert world.primaries() == [BRAVO], "a master that is well again takes nothing back"
        assert moves(world) == 1


@pytest.mark.parametrize("service", [GATEWAY, REPLICATION])
def test_a_primary_without_a_service_that_its_role_needs_hands_over(service: str) -> None:
    for seed in range(10):
        world = settled_world(seed)
        acceptance = Acceptance(world, takeover_bound(world.timing))
        sicken(world, ALPHA, service, Sickness.DEAD)
        world.run(world.now + 20)
        assert world.primaries() == [BRAVO]
        assert acceptance.longest < 2.0, "nothing stood still while the role moved"


@pytest.mark.parametrize("sickness", EVERY_SICKNESS)
def test_a_fault_that_both_masters_share_moves_the_role_at_most_once(sickness: Sickness) -> None:
    for seed in range(20):
        world = settled_world(seed)
        for node in world.random.sample(NODES, 2):
            sicken(world, node, CONFIG, sickness)
            world.run(world.now + world.random.choice((0.0, 0.0, 0.05)))
        world.run(world.now + 120)
        most = 1 if sickness is Sickness.IDLE else 0
        assert moves(world) <= most, "no proof shows that a backup would accept nothing"
        for node in NODES:
            heal(world, node)
        world.run(world.now + 30)
        assert moves(world) <= most
        assert len(world.primaries()) == 1


def test_a_sick_primary_keeps_its_role_and_says_why_while_nobody_could_do_better() -> None:
    world = settled_world(1)
    sicken(world, BRAVO, GATEWAY, Sickness.DEAD)
    world.run(world.now + 12)
    sicken(world, ALPHA, CONFIG, Sickness.REFUSED)
    world.run(world.now + 30)
    assert world.primaries() == [ALPHA]
    alpha, bravo = (world.masters[node] for node in NODES)
    reasons = alpha.monitor.status(alpha.clock(world.now)).reasons
    assert reasons == (
        "its config commits nothing: refused",
        "no other master is ready to take the role",
    )
    bravos = bravo.monitor.status(bravo.clock(world.now)).reasons
    assert bravos == ("its gateway does not answer",)


@pytest.mark.parametrize("service", [CONFIG, GATEWAY, REPLICATION])
def test_a_backup_whose_service_is_dead_takes_nothing_over(service: str) -> None:
    for seed in range(10):
        world = settled_world(seed)
        sicken(world, BRAVO, service, Sickness.DEAD)
        world.run(world.now + 15)
        world.crash(ALPHA)
        world.run(world.now + 20)
        assert world.primaries() == []
        heal(world, BRAVO)
        world.run(world.now + 10)
        assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_changes_are_accepted_whenever_a_master_could_and_each_fault_moves_the_role_once(
    first: int,
) -> None:
    for seed in range(first, first + AT_A_TIME):
        play(seed)
