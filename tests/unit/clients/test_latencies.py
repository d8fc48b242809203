"""What a machine remembers of the relays that it measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.session.latencies import FILE, MOST_SITES, Known, keep, recall, went_by

SITE = "https://support.example.com"
KNOWN = Known(1_000.0, 300.0, "10.0.0.5", {"berlin": 12.5, "denver": 95.0}, "berlin")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_was_kept_is_recalled_for_its_own_site_only() -> None:
    keep(SITE, KNOWN)
    assert recall(SITE) == KNOWN
    assert recall("https://other.example.com") == Known()


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
def test_half_of_its_time_a_measurement_is_fresh_in_its_own_network(
    now: float, seen_from: str, is_fresh: bool
) -> None:
    assert KNOWN.is_fresh(now, seen_from) is is_fresh


def test_nothing_known_is_never_fresh() -> None:
    assert not Known().is_fresh(0.0, "")


def test_a_site_is_told_what_was_measured_and_how_long_ago() -> None:
    assert KNOWN.facts(1_030.5) == {
        "latencies_ms": {"berlin": 12.5, "denver": 95.0},
        "latency_ages_seconds": {"berlin": 30.5, "denver": 30.5},
        "last_node": "berlin",
    }
    assert Known().facts(1_030.5) == {}


def test_the_node_of_the_last_session_is_remembered_with_the_rest() -> None:
    keep(SITE, KNOWN)
    went_by(SITE, "denver")
    assert recall(SITE) == replace(KNOWN, last_node="denver")
    went_by("https://other.example.com", "tokyo")
    assert recall("https://other.example.com") == Known(last_node="tokyo")


def test_the_sites_measured_longest_ago_are_forgotten() -> None:
    for number in range(MOST_SITES + 3):
        keep(f"https://{number}", replace(KNOWN, measured_at=float(number)))
    assert recall("https://2") == Known()
    assert recall("https://3").measured_at == 3.0
    assert recall(f"https://{MOST_SITES + 2}").measured_at == MOST_SITES + 2


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "7", json.dumps({SITE: 7}), json.dumps({SITE: {"mood": "bad"}})],
)
def test_a_file_that_cannot_be_read_is_as_good_as_none(own_home: Path, text: str) -> None:
    own_home.mkdir()
    (own_home / FILE).write_text(text)
    assert recall(SITE) == Known()
    keep(SITE, KNOWN)
    assert recall(SITE) == KNOWN


def test_a_folder_that_cannot_be_written_stops_nobody(own_home: Path) -> None:
    own_home.write_text("a file where the folder should be")
    keep(SITE, KNOWN)
    went_by(SITE, "denver")
    assert recall(SITE) == Known()
