"""Every message has a golden file of the shape that it has today."""

import pytest

from shared.events import CATALOGUE
from shared.events.message import Event
from tests.contract.golden import ALL, latest


@pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.__name__)
def test_the_newest_golden_file_shows_every_field(message: type[Event]) -> None:
    newest = latest(message.__name__)
    where = f"tests/contract/golden/{message.__name__}.vN.json"

    assert newest is not None, f"{message.__name__} is new: write {where}, N = 1"
    assert set(newest.payload) == set(message.model_fields), (
        f"{message.__name__} has other fields than {newest.name}: keep that file, and write the "
        f"next {where}"
    )


def test_versions_are_counted_without_a_gap() -> None:
    for message in {golden.message for golden in ALL}:
        versions = sorted(golden.version for golden in ALL if golden.message == message)
        assert versions == list(range(1, len(versions) + 1)), message
