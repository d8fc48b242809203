"""How long something lasted, in words."""

import pytest

from clients.cli.times import format_duration


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (350, "350 ms"),
        (1_000, "1 s"),
        (12_900, "12 s"),
        (185_000, "3 min 5 s"),
        (3_600_000, "1 h"),
        (7_800_000, "2 h 10 min"),
        (349_200_000, "4 d 1 h"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(milliseconds: int, words: str) -> None:
    assert format_duration(milliseconds) == words
