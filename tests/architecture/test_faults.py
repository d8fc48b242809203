"""The table of known faults names tests, mutants and flaws that are there."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.simulation.failover.faults import Flaws
from tools.mutants.catalogue import MUTANTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocols" / "faults.md"
ROW = re.compile(
    r"^\| (?P<fault>[^|]+) \| [^|]+ \| (?P<how>\w+) `(?P<name>[^`]+)` \| `(?P<test>[^`]+)` \|$"
)
ROWS = [match for line in PAGE.read_text().splitlines() if (match := ROW.match(line))]


def test_every_row_of_the_table_can_be_read() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2
    assert len(ROWS) >= 13


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_the_test_of_a_fault_is_there(row: re.Match[str]) -> None:
    path, _, name = row["test"].partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_what_shows_a_fault_without_its_guard_is_there(row: re.Match[str]) -> None:
    known = {
        "flaw": {field.name for field in fields(Flaws)},
        "mutant": {mutant.name for mutant in MUTANTS},
    }
    assert row["name"] in known[row["how"]]
