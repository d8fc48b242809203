"""Performs the plan: one step, the facts anew, the plan anew, until nothing is left.

Whoever is stopped in the middle (ctrl-C, an error, a machine that goes down) goes on with what is
left by the same command. Between two steps the site is as redundant as it was: a master that was
replaced could take over again, a traffic node takes clients again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

from shared.domain.errors import BadSettings, Forbidden, MeridianError
from stack.containers.core.facts import Unit, UnitKind, scales
from stack.containers.core.plan import Replace, Start, Step, SwitchOver, describe, plan
from stack.containers.core.starting import judge
from stack.containers.engine import ComposeProject
from stack.containers.site import ContainerSite
from stack.containers.site_calls import SiteCalls
from stack.failure import StartFailed

PATIENCE_SECONDS: Final = 900.0
"""How long containers may take until they are healthy: as long as their health check bears it."""

PRIMARY_SECONDS: Final = 60.0
STEP_SECONDS: Final = 180.0
POLL_SECONDS: Final = 1.0
REPORT_SECONDS: Final = 10.0

Report = Callable[[str], None]


@dataclass
class Rollout:
    """Brings *site* to what its files say; *report* takes sentences for people.

    *only* names the project to which the rollout keeps; None for the whole site.
    """

    site: ContainerSite
    calls: SiteCalls
    report: Report
    only: str | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _done: list[Step] = field(default_factory=list[Step])

    def run(self) -> int:
        """Perform what is to be done; returns how many steps that were.

        Raises:
            MeridianError: a step cannot be done now; the next run begins with it.
        """
        while steps := self.remaining_steps():
            done = len(self._done)
            self.report(f"{done + 1}/{done + len(steps)} {describe(steps[0])}")
            self._perform(steps[0])
            self._done.append(steps[0])
        return len(self._done)

    def remaining_steps(self) -> tuple[Step, ...]:
        """Plan anew, without what this run did: nothing is done twice."""
        units = self._units()
        steps = plan(units, None)
        if any(isinstance(each, Replace) and each.kind is UnitKind.MASTER for each in steps):
            steps = plan(units, self._primary(units))
        return tuple(each for each in steps if each not in self._done)

    def _units(self) -> tuple[Unit, ...]:
        containers = self.site.containers()
        units = self.site.units(containers, self.site.extras(containers))
        return tuple(unit for unit in units if self.only in {None, unit.project})

    def _primary(self, units: tuple[Unit, ...]) -> str | None:
        """The primary, which may still be elected if masters run; else None."""
        masters = [unit for unit in units if unit.kind is UnitKind.MASTER]
        if not any(state.is_running for unit in masters for state in unit.services):
            return None
        until = self.clock() + PRIMARY_SECONDS
        while (primary := self.calls.primary()) is None and self.clock() < until:
            self.sleep(POLL_SECONDS)
        if primary is None:
            self.report("no master is primary, or no gateway answers: there is no switchover")
        return primary

    def _perform(self, step: Step) -> None:
        match step:
            case Start(project, services):
                self._compose_up(project, services)
            case SwitchOver(to):
                self._switch_over(to)
            case Replace(kind=kind, node=node, project=project, services=services):
                self._compose_up(project, services)
                self._await_redundancy(kind, node)
            case _:
                assert_never(step)

    def _compose_up(self, name: str, services: tuple[str, ...]) -> None:
        """Start or replace services, and wait until they are healthy."""
        containers = self.site.containers()
        numbers = scales(containers, name)
        scaled = (f"--scale={each}={numbers[each]}" for each in services if each in numbers)
        earlier = {each.name: each.restarts for each in containers}
        self._project(name).run("up", "--detach", "--no-build", *scaled, *services)
        self._await_health(name, services, earlier)

    def _project(self, name: str) -> ComposeProject:
        if name == self.site.main.name:
            return self.site.main
        extras = self.site.extras(self.site.containers())
        projects = map(self.site.extra_project, extras)
        return next(each for each in projects if each.name == name)

    def _await_health(self, name: str, services: tuple[str, ...], earlier: dict[str, int]) -> None:
        begun = reported = self.clock()
        while True:
            mine = [each for each in self.site.containers() if each.project == name]
            progress = judge(mine, services, earlier)
            now = self.clock()
            if progress.is_ready:
                return
            if progress.failed:
                raise StartFailed(
                    f"a service ends again and again: {'; '.join(progress.failed)}\n"
                    f"Its log: docker compose --project-name {name} logs SERVICE"
                )
            if now - begun > PATIENCE_SECONDS:
                raise StartFailed(f"not healthy in time: {'; '.join(progress.waiting)}")
            if now - reported > REPORT_SECONDS:
                reported = now
                waiting = len(progress.waiting)
                self.report(f"    waiting for {waiting} more; {progress.waiting[0]}")
            self.sleep(POLL_SECONDS)

    def _await_redundancy(self, kind: UnitKind, node: str) -> None:
        """Wait until the site could bear the loss of another unit."""
        match kind:
            case UnitKind.MASTER | UnitKind.LOG_SERVER:
                self._until(self._has_successor, "no master could take the role over")
            case UnitKind.TRAFFIC_NODE:
                serving = f"{node} does not take clients again"
                self._until(lambda: self.calls.is_serving(node), serving)
            case UnitKind.GATEWAY | UnitKind.SELECTORS:
                pass
            case _:
                assert_never(kind)

    def _has_successor(self) -> bool:
        successor, _ = self.calls.successor()
        return successor is not None

    def _switch_over(self, to: str) -> None:
        self._until(lambda: self.calls.has_caught_up(to), f"{to} has not caught up with the log")
        self._until(lambda: self._is_primary(to), f"{to} is not primary")

    def _is_primary(self, to: str) -> bool:
        """Order the switchover unless it has happened."""
        if self.calls.primary() != to:
            self.calls.switch_over(to)
        return self.calls.primary() == to

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Wait for *condition*; an error that may pass counts as *not yet*.

        Raises:
            StartFailed: it does not become true; *otherwise* says what is not.
        """
        until, last = self.clock() + STEP_SECONDS, ""
        while True:
            try:
                if condition():
                    return
            except (BadSettings, Forbidden):
                raise
            except MeridianError as error:
                last = f" ({error.message})"
            if self.clock() > until:
                raise StartFailed(f"{otherwise}{last}; `make up` goes on here once that is mended")
            self.sleep(POLL_SECONDS)
