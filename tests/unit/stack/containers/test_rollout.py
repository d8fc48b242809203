"""The plan performed: a step at a time, with the waits between, stopped and resumed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from shared.domain.errors import BadSettings, NoPrimary
from stack.containers.core.extras import Extra, ExtraKind
from stack.containers.core.facts import Container, Project, Unit, build_units
from stack.containers.engine import ComposeProject
from stack.containers.rollout import PATIENCE_SECONDS, STEP_SECONDS, Rollout
from stack.containers.settings import Settings
from stack.containers.site import ContainerSite
from stack.containers.site_calls import SiteCalls
from stack.failure import StartFailed

SERVICES = ("alpha-config", "bravo-config", "node-selector", "berlin-relay", "denver-relay")
LISBON = Extra(ExtraKind.TRAFFIC_NODE, "lisbon", 7446)


@dataclass
class World:
    """What the engine and the site know, and what was done to them."""

    containers: list[Container] = field(default_factory=list[Container])
    done: list[str] = field(default_factory=list[str])
    primary: str | None = "alpha"
    serving_after: int = 0
    refusals: list[Exception] = field(default_factory=list[Exception])
    now: float = 0.0
    health: str = "healthy"

    def run(self, project: str, services: Sequence[str]) -> None:
        self.done.append(f"{project}: {' '.join(services)}")
        scaled = dict(word.removeprefix("--scale=").split("=") for word in services if "=" in word)
        for service in (word for word in services if "=" not in word):
            old = [c for c in self.containers if (c.project, c.service) == (project, service)]
            self.containers = [each for each in self.containers if each not in old]
            numbers = range(int(scaled.get(service, 1)))
            new = (build(project, service, number, "new") for number in numbers)
            self.containers += [replace(each, health=self.health) for each in new]

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def build(
    project: str,
    service: str,
    number: int,
    image: str,
    status: str = "running",
    health: str = "healthy",
) -> Container:
    name = f"{project}-{service}-{number + 1}"
    return Container(project, service, name, "#", "meridian", image, status, health)


@dataclass(frozen=True)
class FakeProject(ComposeProject):
    world: World = field(default_factory=World)

    def run(self, *arguments: str, shown: bool = False) -> str:
        words = [word for word in arguments if word not in {"up", "--detach", "--no-build"}]
        self.world.run(self.name, words)
        return ""


@dataclass(frozen=True)
class FakeSite(ContainerSite):
    world: World = field(default_factory=World)
    extra: frozenset[Extra] = frozenset()

    @property
    def main(self) -> ComposeProject:
        return FakeProject(self.root, "meridian", world=self.world)

    def extra_project(self, extra: Extra) -> ComposeProject:
        return FakeProject(self.root, f"meridian-{extra.name}", world=self.world)

    def containers(self) -> tuple[Container, ...]:
        return tuple(self.world.containers)

    def extras(self, containers: Iterable[Container]) -> frozenset[Extra]:
        return self.extra

    def units(self, containers: Iterable[Container], extras: Iterable[Extra]) -> tuple[Unit, ...]:
        projects = [Project("meridian", dict.fromkeys(SERVICES, "#"))]
        projects += [
            Project(f"meridian-{each.name}", {"relay": "#"}, each.unit_kind, each.node)
            for each in extras
        ]
        return build_units(projects, tuple(containers), {"meridian": "new"})


@dataclass
class FakeCalls(SiteCalls):
    world: World = field(default_factory=World)

    def primary(self) -> str | None:
        return self.world.primary

    def is_serving(self, name: str) -> bool:
        self.world.done.append(f"is {name} serving?")
        self.world.serving_after -= 1
        return self.world.serving_after < 0

    def has_caught_up(self, name: str) -> bool:
        self.world.done.append(f"sync {name}")
        return True

    def successor(self) -> tuple[str | None, str]:
        self.world.done.append("successor?")
        return "one", ""

    def switch_over(self, to: str) -> None:
        self.world.done.append(f"switchover {to}")
        if self.world.refusals:
            raise self.world.refusals.pop(0)
        self.world.primary = to


def rollout(world: World, *extras: Extra, only: str | None = None) -> tuple[Rollout, list[str]]:
    settings, reported = Settings(Path()), list[str]()
    site = FakeSite(settings, {}, world, frozenset(extras))
    calls = FakeCalls(settings, world=world)
    run = Rollout(site, calls, reported.append, only, lambda: world.now, world.sleep)
    return run, reported


def running(image: str) -> list[Container]:
    return [
        *(build("meridian", each, 0, image) for each in SERVICES),
        *(build("meridian", "node-selector", number, image) for number in (1, 2)),
        build("meridian-lisbon", "relay", 0, image),
    ]


UPGRADE = [
    *("meridian: bravo-config", "successor?", "sync bravo", "switchover bravo"),
    *("meridian: alpha-config", "successor?"),
    "meridian: --scale=node-selector=3 node-selector",
    *("meridian: berlin-relay", "is berlin serving?"),
    *("meridian: denver-relay", "is denver serving?"),
    *("meridian-lisbon: relay", "is lisbon serving?"),
]


def test_an_upgrade_performs_each_step_and_waits_before_the_next() -> None:
    world = World(running("old"))
    run, reported = rollout(world, LISBON)

    assert run.run() == 7
    assert world.done == UPGRADE
    assert reported[0] == "1/7 replace bravo (config)"
    assert reported[-1] == "7/7 replace lisbon (relay)"
    assert sum(each.service == "node-selector" for each in world.containers) == 3


def test_an_upgrade_that_was_stopped_goes_on_where_it_ended() -> None:
    world = World(running("old"), refusals=[KeyboardInterrupt()])  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        rollout(world, LISBON)[0].run()
    stopped_at = len(world.done)
    rollout(world, LISBON)[0].run()

    assert world.done[stopped_at:] == UPGRADE[2:]


def test_a_site_without_changes_is_not_even_asked_who_is_primary() -> None:
    world = World(running("new"))

    assert rollout(world, LISBON)[0].run() == 0
    assert world.done == []


def test_a_first_start_needs_no_site_that_answers() -> None:
    world = World(primary=None)

    assert rollout(world)[0].run() == 1
    assert world.done == [f"meridian: {' '.join(_in_order())}"]


def _in_order() -> list[str]:
    return sorted(SERVICES)


def test_a_new_extra_alone_leaves_the_rest_of_the_site_as_it_is() -> None:
    world = World(running("old")[:-1])
    rollout(world, LISBON, only="meridian-lisbon")[0].run()

    assert world.done == ["meridian-lisbon: relay"]


def test_a_switchover_that_cannot_happen_yet_is_ordered_again() -> None:
    world = World(running("old"), refusals=[NoPrimary("not yet"), NoPrimary("not yet")])
    rollout(world, LISBON)[0].run()

    assert world.done.count("switchover bravo") == 3
    assert world.primary == "bravo"


def test_a_switchover_that_does_not_come_about_ends_the_upgrade_with_the_reason() -> None:
    refusals: list[Exception] = [NoPrimary("bravo lags behind")] * 1000
    world = World(running("old"), refusals=refusals)
    with pytest.raises(StartFailed, match=r"bravo is not primary \(bravo lags behind\); `make up`"):
        rollout(world)[0].run()

    assert "meridian: alpha-config" not in world.done
    assert world.now >= STEP_SECONDS


def test_a_wrong_password_is_used_once() -> None:
    world = World(running("old"), refusals=[BadSettings("the site does not take the password")])
    with pytest.raises(BadSettings):
        rollout(world)[0].run()

    assert world.done.count("switchover bravo") == 1


def test_the_next_traffic_node_waits_until_the_one_before_serves() -> None:
    world = World([build("meridian", each, 0, "new") for each in SERVICES[:3]])
    world.containers += [build("meridian", each, 0, "old") for each in SERVICES[3:]]
    world.serving_after = 5
    rollout(world)[0].run()

    assert world.done == [
        "meridian: berlin-relay",
        *["is berlin serving?"] * 6,
        *("meridian: denver-relay", "is denver serving?"),
    ]


def test_a_start_that_takes_minutes_is_waited_for_and_reported() -> None:
    world = World(primary=None, health="starting")
    run, reported = rollout(world)

    def sleep(seconds: float) -> None:
        world.now += seconds
        if world.now > 300:
            world.containers = [replace(each, health="healthy") for each in world.containers]

    run.sleep = sleep
    assert run.run() == 1
    assert 300 < world.now < PATIENCE_SECONDS
    assert "    waiting for 5 more; meridian-alpha-config-1 is starting" in reported


def test_a_start_that_never_ends_is_given_up_in_words() -> None:
    world = World(primary=None, health="starting")
    with pytest.raises(StartFailed, match="not healthy in time: meridian-alpha-config-1"):
        rollout(world)[0].run()


def test_where_no_master_is_primary_the_upgrade_goes_on_without_a_switchover() -> None:
    world = World(running("old"), primary=None)
    run, reported = rollout(world, LISBON)
    run.run()

    assert [each for each in world.done if "switchover" in each] == []
    assert world.done[0] == "meridian: alpha-config"
    assert "no master is primary, or no gateway answers: there is no switchover" in reported
