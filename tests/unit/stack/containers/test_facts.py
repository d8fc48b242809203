"""What the engine reports becomes units with their state."""

from dataclasses import replace

from stack.containers.core.facts import (
    Container,
    Project,
    ServiceState,
    UnitKind,
    build_units,
    scales,
)

IMAGES = {"meridian": "new"}
MAIN = Project(
    "meridian",
    {
        name: f"#{name}"
        for name in (
            *("alpha-config", "alpha-nats", "bravo-config", "witness-nats", "node-selector"),
            *("berlin-relay", "berlin-replication"),
        )
    },
)
BERLIN = Container(
    *("meridian", "berlin-relay", "meridian-berlin-relay-1", "#berlin-relay"),
    *("meridian", "new", "running", "healthy"),
)


def berlin_relay(*containers: Container) -> ServiceState:
    units = build_units([MAIN], containers, IMAGES)
    return next(unit for unit in units if unit.name == "berlin").services[0]


def test_services_are_grouped_by_node_and_a_node_is_known_by_its_services() -> None:
    extras = (
        Project("meridian-lisbon", {"relay": "#"}, UnitKind.TRAFFIC_NODE, "lisbon"),
        Project("meridian-alpha-gateway", {"gateway": "#"}, UnitKind.GATEWAY, "alpha"),
    )
    units = build_units([MAIN, *extras], (), {})

    assert {unit.name: (unit.kind, unit.node) for unit in units} == {
        "alpha": (UnitKind.MASTER, "alpha"),
        "bravo": (UnitKind.MASTER, "bravo"),
        "witness": (UnitKind.LOG_SERVER, "witness"),
        "node-selector": (UnitKind.SELECTORS, "node-selector"),
        "berlin": (UnitKind.TRAFFIC_NODE, "berlin"),
        "lisbon": (UnitKind.TRAFFIC_NODE, "lisbon"),
        "alpha-gateway": (UnitKind.GATEWAY, "alpha"),
    }


def test_a_container_of_the_present_definition_and_image_is_current() -> None:
    assert berlin_relay(BERLIN) == ServiceState("berlin-relay", 1, True, True)


def test_a_container_of_another_image_or_definition_is_out_of_date() -> None:
    assert not berlin_relay(replace(BERLIN, image_id="old")).is_current
    assert not berlin_relay(replace(BERLIN, definition="#other")).is_current
    assert not berlin_relay(BERLIN, replace(BERLIN, image_id="old")).is_current


def test_a_service_runs_when_all_of_its_containers_do() -> None:
    second = replace(BERLIN, status="exited")

    assert berlin_relay(BERLIN, BERLIN).is_running
    assert berlin_relay(BERLIN, replace(BERLIN, status="restarting")).is_running
    assert not berlin_relay(BERLIN, second).is_running
    assert berlin_relay(BERLIN, second).number == 2
    assert not berlin_relay().is_running


def test_a_container_of_another_project_counts_for_nothing() -> None:
    assert berlin_relay(replace(BERLIN, project="meridian-lisbon")).number == 0


def test_scaled_services_keep_their_number() -> None:
    selector = replace(BERLIN, service="node-selector")
    relay = replace(BERLIN, project="meridian-lisbon", service="relay")
    containers = [BERLIN, selector, replace(selector, status="exited"), selector, relay, relay]

    assert scales(containers, "meridian") == {"node-selector": 3}
    assert scales(containers, "meridian-lisbon") == {"relay": 2}
