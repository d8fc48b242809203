"""The measurements of relays that a machine keeps."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.session.latencies import (
    FILE,
    MOST_SITES,
    Measurements,
    load_measurements,
    record_node,
    save_measurements,
)

SITE = "https://support.example.com"
KNOWN = Measurements(1_000.0, 300.0, "10.0.0.5", {"berlin": 12.5, "denver": 95.0}, "berlin")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_measurements_are_loaded_for_their_own_site_only() -> None:
    save_measurements(SITE, KNOWN)
    assert load_measurements(SITE) == KNOWN
    assert load_measurements("https://other.example.com") == Measurements()


@pytest.mark.parametrize(
    ("now", "seen_from", "is_fresh"),
    [
        (1_000.0, "10.0.0.5", True),
        (1_149.9, "10.0.0.5", True),
        (1_150.0, "10.0.0.5", False),
        (999.0, "10.0.0.5", False),
        (1_001.0, "192.168.1.5", False),
    ],
)
def test_a_measurement_is_fresh_for_half_of_its_time_in_its_own_network(
    now: float, seen_from: str, is_fresh: bool
) -> None:
    assert KNOWN.is_fresh(now, seen_from) is is_fresh


def test_empty_measurements_are_never_fresh() -> None:
    assert not Measurements().is_fresh(0.0, "")


def test_a_site_gets_the_measurements_and_their_ages() -> None:
    assert KNOWN.facts(1_030.5) == {
        "latencies_ms": {"berlin": 12.5, "denver": 95.0},
        "latency_ages_seconds": {"berlin": 30.5, "denver": 30.5},
        "last_node": "berlin",
    }
    assert Measurements().facts(1_030.5) == {}


def test_the_node_of_the_last_session_is_remembered_with_the_rest() -> None:
    save_measurements(SITE, KNOWN)
    record_node(SITE, "denver")
    assert load_measurements(SITE) == replace(KNOWN, last_node="denver")
    record_node("https://other.example.com", "tokyo")
    assert load_measurements("https://other.example.com") == Measurements(last_node="tokyo")


def test_the_sites_measured_longest_ago_are_forgotten() -> None:
    for number in range(MOST_SITES + 3):
        save_measurements(f"https://{number}", replace(KNOWN, measured_at=float(number)))
    assert load_measurements("https://2") == Measurements()
    assert load_measurements("https://3").measured_at == 3.0
    assert load_measurements(f"https://{MOST_SITES + 2}").measured_at == MOST_SITES + 2


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "7", json.dumps({SITE: 7}), json.dumps({SITE: {"mood": "bad"}})],
)
def test_an_unreadable_file_counts_as_no_measurements(own_home: Path, text: str) -> None:
    own_home.mkdir()
    (own_home / FILE).write_text(text)
    assert load_measurements(SITE) == Measurements()
    save_measurements(SITE, KNOWN)
    assert load_measurements(SITE) == KNOWN


def test_an_unwritable_folder_is_no_error(own_home: Path) -> None:
    own_home.write_text("a file where the folder should be")
    save_measurements(SITE, KNOWN)
    record_node(SITE, "denver")
    assert load_measurements(SITE) == Measurements()
