"""A slow start is waited for; what cannot become ready is not."""

import re
from dataclasses import replace
from pathlib import Path

from stack.containers.core.facts import Container
from stack.containers.core.starting import MOST_RESTARTS, judge
from stack.containers.rollout import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[4]
ONE = Container(
    *("meridian", "alpha-config", "meridian-alpha-config-1", "#", "meridian", "id"),
    *("running", "starting", "no quorum\n"),
)


def test_a_first_start_that_is_slow_is_waited_for() -> None:
    for health in ("starting", "unhealthy"):
        progress = judge([replace(ONE, health=health)], ["alpha-config"], {})
        assert progress.waiting == (f"meridian-alpha-config-1 is {health}: no quorum",)
        assert not progress.failed
        assert not progress.is_ready


def test_a_slow_machine_makes_no_container_unhealthy_for_as_long_as_a_start_is_waited_for() -> None:
    parts = (ROOT / "compose" / "parts.yaml").read_text()
    periods = re.findall(r"^ +start_period: (\w+)$", parts, re.MULTILINE)

    assert len(periods) == parts.count("healthcheck:") == 3
    assert set(periods) == {f"{PATIENCE_SECONDS / 60:g}m"}


def test_a_container_that_is_healthy_or_has_no_check_is_ready() -> None:
    nats = replace(ONE, service="alpha-nats", health="")

    assert judge(
        [replace(ONE, health="healthy"), nats], ["alpha-config", "alpha-nats"], {}
    ).is_ready


def test_services_that_nobody_waits_for_count_for_nothing() -> None:
    other = replace(ONE, service="bravo-config", status="exited")

    assert judge([replace(ONE, health="healthy"), other], ["alpha-config"], {}).is_ready


def test_a_container_that_ends_is_waited_for_until_it_ended_too_often() -> None:
    ended = replace(ONE, status="restarting", detail="")
    few = judge([replace(ended, restarts=MOST_RESTARTS - 1)], ["alpha-config"], {})
    many = judge([replace(ended, restarts=MOST_RESTARTS)], ["alpha-config"], {})

    assert few.waiting == ("meridian-alpha-config-1 is restarting",)
    assert many.failed == few.waiting


def test_restarts_from_before_the_wait_count_for_nothing() -> None:
    old = replace(ONE, restarts=MOST_RESTARTS + 1)

    assert not judge([old], ["alpha-config"], {old.name: 2}).failed
    assert judge([old], ["alpha-config"], {old.name: 1}).failed


def test_a_service_for_which_no_container_was_made_is_not_waited_for() -> None:
    assert judge([], ["alpha-config"], {}).failed == ("alpha-config has no container",)
