"""The plan of an upgrade: what is done, in which order, and that it can be stopped and resumed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.containers.core.facts import ServiceState, Unit, UnitKind
from stack.containers.core.plan import Replace, Start, Step, SwitchOver, describe, plan

MAIN = "meridian"
KINDS = {
    "alpha": UnitKind.MASTER,
    "bravo": UnitKind.MASTER,
    "witness": UnitKind.LOG_SERVER,
    "node-selector": UnitKind.SELECTORS,
    "berlin": UnitKind.TRAFFIC_NODE,
    "tokyo": UnitKind.TRAFFIC_NODE,
    "lisbon": UnitKind.TRAFFIC_NODE,
    "alpha-gateway": UnitKind.GATEWAY,
    "bravo-gateway": UnitKind.GATEWAY,
}
EXTRAS = ("lisbon", "alpha-gateway", "bravo-gateway")
SERVICES = {
    UnitKind.MASTER: ("config", "gateway", "nats"),
    UnitKind.LOG_SERVER: ("nats",),
    UnitKind.SELECTORS: ("node-selector",),
    UnitKind.TRAFFIC_NODE: ("relay", "replication"),
    UnitKind.GATEWAY: ("gateway",),
}


def build(name: str, *, current: bool = True, running: bool = True, number: int = 1) -> Unit:
    kind = KINDS[name]
    prefix = "" if name in EXTRAS or kind is UnitKind.SELECTORS else f"{name}-"
    services = (f"{prefix}{each}" for each in SERVICES[kind])
    states = (ServiceState(each, number, running, current) for each in services)
    project = f"{MAIN}-{name}" if name in EXTRAS else MAIN
    return Unit(name, kind, name.removesuffix("-gateway"), project, tuple(states))


def site(*outdated: str) -> list[Unit]:
    """A site that runs, in which the units *outdated* are out of date."""
    return [build(name, current=name not in outdated) for name in KINDS]


def names(steps: Sequence[Step]) -> list[str]:
    return [_name(step) for step in steps]


def _name(step: Step) -> str:
    match step:
        case Start(project):
            return f"start {project}"
        case SwitchOver(to):
            return f"switchover {to}"
        case Replace(unit):
            return unit


def perform(
    step: Step, units: Sequence[Unit], primary: str | None
) -> tuple[list[Unit], str | None]:
    """The site as a step leaves it."""
    match step:
        case SwitchOver(to):
            return list(units), to
        case Start(project, services) | Replace(project=project, services=services):
            return [
                replace(unit, services=tuple(_up(each, services) for each in unit.services))
                if unit.project == project
                else unit
                for unit in units
            ], primary


def _up(state: ServiceState, services: Sequence[str]) -> ServiceState:
    if state.name not in services:
        return state
    return ServiceState(state.name, max(1, state.number), is_running=True, is_current=True)


@pytest.mark.parametrize(("primary", "backup"), [("alpha", "bravo"), ("bravo", "alpha")])
def test_an_upgrade_goes_in_order_with_extra_nodes_and_gateways(primary: str, backup: str) -> None:
    assert names(plan(site(*KINDS), primary)) == [
        *(backup, f"{backup}-gateway", f"switchover {backup}", primary, f"{primary}-gateway"),
        *("witness", "node-selector", "berlin", "lisbon", "tokyo"),
    ]


def test_a_site_without_changes_has_nothing_to_do() -> None:
    assert plan(site(), "alpha") == ()


def test_only_what_changed_is_replaced_and_without_a_switchover_where_the_primary_stays() -> None:
    assert names(plan(site("bravo", "tokyo"), "alpha")) == ["bravo", "tokyo"]
    assert names(plan(site("lisbon"), "alpha")) == ["lisbon"]
    assert names(plan(site("alpha-gateway"), "alpha")) == ["alpha-gateway"]


def test_the_primary_is_never_replaced_before_it_handed_its_role_over() -> None:
    assert names(plan(site("alpha"), "alpha")) == ["switchover bravo", "alpha"]


def test_where_nobody_is_primary_masters_are_replaced_one_after_the_other() -> None:
    assert names(plan(site("alpha", "bravo"), None)) == ["alpha", "bravo"]


def test_one_master_alone_is_replaced_without_a_switchover() -> None:
    assert names(plan([build("alpha", current=False)], "alpha")) == ["alpha"]


def test_a_first_start_starts_everything_at_once_and_extras_after_it() -> None:
    units = [build(name, running=False, number=0) for name in KINDS]
    steps = plan(units, None)

    assert names(steps) == ["start meridian", *(f"start meridian-{name}" for name in EXTRAS)]
    assert isinstance(steps[0], Start)
    assert len(steps[0].services) == sum(
        len(SERVICES[kind]) for name, kind in KINDS.items() if name not in EXTRAS
    )


def test_what_ended_is_started_before_anything_is_replaced() -> None:
    units = [build("alpha", running=False), build("bravo", current=False), build("berlin")]

    assert names(plan(units, "bravo")) == ["start meridian", "switchover alpha", "bravo"]


def test_a_service_that_is_new_joins_with_the_replacement_of_its_unit() -> None:
    berlin = build("berlin", current=False)
    new = ServiceState("probe", 0, is_running=False, is_current=True)
    units = [replace(berlin, services=(*berlin.services, new))]

    assert plan(units, None) == (
        Replace(
            "berlin",
            UnitKind.TRAFFIC_NODE,
            "berlin",
            MAIN,
            ("berlin-relay", "berlin-replication", "probe"),
        ),
    )


def test_a_step_says_what_it_does() -> None:
    assert [describe(step) for step in plan(site("alpha", "node-selector"), "alpha")] == [
        "switch over to bravo",
        "replace alpha (config, gateway, nats)",
        "replace node-selector",
    ]


EXISTING = st.tuples(st.integers(1, 3), st.booleans(), st.booleans())
STATES = st.one_of(st.just((0, True, False)), EXISTING)
SITES = st.lists(STATES, min_size=len(KINDS), max_size=len(KINDS))


@given(SITES, st.sampled_from(["alpha", "bravo"]))
def test_a_plan_that_is_stopped_after_any_step_is_resumed_with_the_rest(
    states: list[tuple[int, bool, bool]], primary: str
) -> None:
    units = [
        build(name, number=number, current=current, running=running)
        for name, (number, current, running) in zip(KINDS, states, strict=True)
    ]
    holder: str | None = primary
    steps = plan(units, holder)
    while steps:
        units, holder = perform(steps[0], units, holder)
        assert plan(units, holder) == steps[1:]
        steps = steps[1:]
    assert all(each.is_running and each.is_current for unit in units for each in unit.services)
