"""Plans how a site in containers becomes what its files say, without losing a session.

The plan is a list of steps, made anew from the facts after each of them: whoever is stopped in the
middle goes on with what is left. The order keeps the site's redundancy:

1. What does not run is started, all at once: on a first start that is everything.
2. The masters that are not primary are replaced, each with its extra gateways.
3. The primary hands its role over (a planned switchover), and is replaced as a backup.
4. The log server of the witness, and the node selectors.
5. Traffic nodes, one after the other; the sessions of each go on through another one meanwhile.

A unit that is up to date does not appear, so that a site without changes has an empty plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stack.containers.core.facts import ServiceState, Unit, UnitKind


@dataclass(frozen=True)
class Start:
    """Start *services* of *project*, which do not run."""

    project: str
    services: tuple[str, ...]


@dataclass(frozen=True)
class Replace:
    """Make the containers of *services* anew: those of one unit that are out of date."""

    unit: str
    kind: UnitKind
    node: str
    project: str
    services: tuple[str, ...]


@dataclass(frozen=True)
class SwitchOver:
    """Have the primary hand its role to the master *to*."""

    to: str


Step: TypeAlias = Start | Replace | SwitchOver


def plan(units: Sequence[Unit], primary: str | None) -> tuple[Step, ...]:
    """List the steps that are left; *primary* is None when no master is known to be it."""
    return (*_starts(units), *_replacements(units, primary))


def describe(step: Step) -> str:
    """Say what a step does, for people."""
    match step:
        case Start(project, services):
            return f"start {len(services)} services of {project}"
        case Replace(unit=unit, services=services):
            names = ", ".join(name.removeprefix(f"{unit}-") for name in services)
            return f"replace {unit} ({names})" if names != unit else f"replace {unit}"
        case SwitchOver(to):
            return f"switch over to {to}"


def _starts(units: Sequence[Unit]) -> Iterator[Start]:
    projects = dict.fromkeys(unit.project for unit in units)
    for project in projects:
        mine = (unit for unit in units if unit.project == project)
        if services := tuple(name for unit in mine for name in _to_start(unit)):
            yield Start(project, services)


def _to_start(unit: Unit) -> Iterator[str]:
    """The services that do not run; one that is new joins when the rest of its unit is replaced."""
    is_replaced = any(map(_is_outdated, unit.services))
    for state in unit.services:
        if not state.is_running and (state.number or not is_replaced):
            yield state.name


def _replacements(units: Sequence[Unit], primary: str | None) -> Iterator[Step]:
    masters = [unit for unit in units if unit.kind is UnitKind.MASTER]
    masters.sort(key=lambda unit: (unit.name == primary, unit.name))
    for master in masters:
        if (
            primary is not None
            and master.name == primary
            and any(map(_is_outdated, master.services))
        ):
            yield from _handover(masters)
        yield from _replace_all([master])
        yield from _replace_all(
            each for each in units if (each.kind, each.node) == (UnitKind.GATEWAY, master.name)
        )
    for kind in (UnitKind.LOG_SERVER, UnitKind.SELECTORS, UnitKind.TRAFFIC_NODE):
        mine = (unit for unit in units if unit.kind is kind)
        yield from _replace_all(sorted(mine, key=lambda unit: unit.name))


def _handover(masters: Sequence[Unit]) -> Iterator[SwitchOver]:
    """The switchover before the primary, the last of *masters*, is replaced, if it has a backup."""
    if len(masters) > 1:
        yield SwitchOver(masters[0].name)


def _replace_all(units: Iterable[Unit]) -> Iterator[Replace]:
    for unit in units:
        if any(map(_is_outdated, unit.services)):
            names = tuple(state.name for state in unit.services if _is_replaced(state))
            yield Replace(unit.name, unit.kind, unit.node, unit.project, names)


def _is_outdated(state: ServiceState) -> bool:
    return state.is_running and not state.is_current


def _is_replaced(state: ServiceState) -> bool:
    """Say whether a unit's replacement concerns the service: it is out of date, or new."""
    return _is_outdated(state) or state.number == 0
