"""Every message has a golden file of the shape that it has today."""

import tomllib

import pytest

from shared.events import CATALOGUE
from shared.events.message import Event
from tests.architecture.sources import ROOT
from tests.contract.golden import ALL, latest

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PROMISED = tuple(int(part) for part in VERSION.split(".")[:2]) >= (0, 2)
"""From 0.2.0 on a release reads the messages of the one before it (CONTRIBUTING.md)."""


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.__name__)
def test_the_newest_golden_file_shows_every_field(message: type[Event]) -> None:
    newest = latest(message.__name__)
    where = f"tests/contract/golden/{message.__name__}.vN.json"

    assert newest is not None, f"{message.__name__} is new: write {where}, N = 1"
    assert set(newest.payload) == set(message.model_fields), (
        f"{message.__name__} has other fields than {newest.name}: "
        + (f"keep that file, and write the next {where}" if PROMISED else "change that file")
    )


@pytest.mark.skipif(PROMISED, reason="from 0.2.0 on, a message may have several versions")
def test_before_the_promise_every_message_has_one_version() -> None:
    assert {golden.version for golden in ALL} == {1}


def test_versions_are_counted_without_a_gap() -> None:
    for message in {golden.message for golden in ALL}:
        versions = sorted(golden.version for golden in ALL if golden.message == message)
        assert versions == list(range(1, len(versions) + 1)), message
