"""When a primary is reported to be sick, and to be well again."""

from services.failover_monitor.core.primary_health import (
    LONGEST_WELL_SECONDS,
    RELAPSE_SECONDS,
    WELL_SECONDS,
    PrimaryHealth,
)
from shared.domain.ids import Instant

SICK = ("its config commits nothing",)
OTHER = ("its gateway does not answer",)


def change(
    health: PrimaryHealth, at: float, *reasons: str, is_primary: bool = True
) -> tuple[str, ...] | None:
    return health.find_change(reasons, Instant(at), is_primary=is_primary)


def test_a_fault_is_reported_at_once_and_once() -> None:
    health = PrimaryHealth()
    assert change(health, 1) is None
    assert change(health, 2, *SICK) == SICK
    assert change(health, 3, *SICK) is None
    assert change(health, 4, *OTHER) is None


def test_that_all_is_well_again_is_reported_when_it_has_lasted() -> None:
    health = PrimaryHealth()
    change(health, 1, *SICK)
    assert change(health, 2) is None
    assert change(health, 2 + WELL_SECONDS - 0.1) is None
    assert change(health, 2 + WELL_SECONDS) == ()
    assert change(health, 3 + WELL_SECONDS) is None


def test_a_fault_that_flickers_is_one_fault() -> None:
    health = PrimaryHealth()
    found = [change(health, at, *(SICK if at % 2 else ())) for at in range(1, 60)]
    assert [each for each in found if each is not None] == [SICK]


def test_who_has_no_role_reports_nothing_and_begins_anew() -> None:
    health = PrimaryHealth()
    change(health, 1, *SICK)
    assert change(health, 2, *SICK, is_primary=False) is None
    assert change(health, 3, *SICK) == SICK


def test_a_fault_that_comes_back_every_ten_seconds_is_a_handful_of_events_an_hour() -> None:
    health = PrimaryHealth()
    found = [change(health, at, *(SICK if at % 10 == 0 else ())) for at in range(1, 3_600)]
    assert len([each for each in found if each is not None]) <= 5


def test_after_a_long_time_without_a_fault_the_next_one_is_the_first_again() -> None:
    health = PrimaryHealth()
    change(health, 1, *SICK)
    change(health, 2)
    assert change(health, 2 + WELL_SECONDS) == ()
    later = 2 + RELAPSE_SECONDS
    assert change(health, later, *SICK) == SICK
    change(health, later + 1)
    assert change(health, later + 1 + WELL_SECONDS) == ()
    assert LONGEST_WELL_SECONDS > WELL_SECONDS
