"""The facts about a site in containers: its units, their services, and each service's state.

A unit is what is replaced together: the containers of one node, or the node selectors. The site's
own units belong to its compose project; an extra traffic node and an extra gateway are a project
each. A service's name begins with its node's, apart from the node selectors.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

SELECTORS: Final = "node-selector"


class UnitKind(Enum):
    """What a unit is for; the plan goes through the kinds in this order."""

    MASTER = auto()
    GATEWAY = auto()
    LOG_SERVER = auto()
    SELECTORS = auto()
    TRAFFIC_NODE = auto()


@dataclass(frozen=True)
class Container:
    """One container of a compose project, as the engine reports it.

    *definition* and *image_id* are what it was made from; *image* is the name that the image had.
    *health* is empty where nothing checks it; *detail* is the last answer of the check.
    """

    project: str
    service: str
    name: str
    definition: str
    image: str
    image_id: str
    status: str
    health: str = ""
    detail: str = ""
    restarts: int = 0
    node: str = ""
    port: int = 0

    @property
    def is_running(self) -> bool:
        """Say whether it runs or is about to, as after a failed start."""
        return self.status in {"running", "restarting"}


@dataclass(frozen=True)
class ServiceState:
    """A service's containers: how many there are, whether all run, whether all are up to date."""

    name: str
    number: int
    is_running: bool
    is_current: bool


@dataclass(frozen=True)
class Unit:
    """The containers that are replaced together; *node* is whose they are."""

    name: str
    kind: UnitKind
    node: str
    project: str
    services: tuple[ServiceState, ...]


@dataclass(frozen=True)
class Project:
    """A compose project of the site and the definition (a hash) of each of its services.

    *extra* is the unit's kind when the project is one extra node or gateway, and *node* its node.
    """

    name: str
    definitions: Mapping[str, str]
    extra: UnitKind | None = None
    node: str = ""


def build_units(
    projects: Sequence[Project], containers: Sequence[Container], images: Mapping[str, str]
) -> tuple[Unit, ...]:
    """Compare what the projects define with the containers.

    *images* gives the id that each image's name has now.
    """
    units = list[Unit]()
    for project in projects:
        grouped = dict[str, list[ServiceState]]()
        for service in sorted(project.definitions):
            state = _state(project, service, containers, images)
            grouped.setdefault(_unit_name(project, service), []).append(state)
        units += [_unit(project, name, tuple(states)) for name, states in grouped.items()]
    return tuple(units)


def scales(containers: Sequence[Container], project: str) -> dict[str, int]:
    """The services of *project* that have more than one container, with their number."""
    numbers = Counter(each.service for each in containers if each.project == project)
    return {service: number for service, number in numbers.items() if number > 1}


def _state(
    project: Project, service: str, containers: Sequence[Container], images: Mapping[str, str]
) -> ServiceState:
    key = (project.name, service)
    found = [each for each in containers if (each.project, each.service) == key]
    wanted = project.definitions[service]
    return ServiceState(
        name=service,
        number=len(found),
        is_running=bool(found) and all(each.is_running for each in found),
        is_current=all(
            each.definition == wanted and each.image_id == images.get(each.image) for each in found
        ),
    )


def _unit_name(project: Project, service: str) -> str:
    if project.extra is UnitKind.GATEWAY:
        return f"{project.node}-gateway"
    if project.extra is not None:
        return project.node
    return SELECTORS if service == SELECTORS else service.partition("-")[0]


def _unit(project: Project, name: str, services: tuple[ServiceState, ...]) -> Unit:
    node = project.node or name
    return Unit(name, project.extra or _kind(name, services), node, project.name, services)


def _kind(name: str, services: tuple[ServiceState, ...]) -> UnitKind:
    """The kind of one of the site's own units, by the services that it has."""
    names = {state.name for state in services}
    if name == SELECTORS:
        return UnitKind.SELECTORS
    if f"{name}-config" in names:
        return UnitKind.MASTER
    return UnitKind.TRAFFIC_NODE if f"{name}-relay" in names else UnitKind.LOG_SERVER
