"""Pages that are made from the code say what the code says."""

import json
import re
from pathlib import Path

from tools.benchmarks import PAGE, benchmarks_page
from tools.docs import ARCHITECTURE, EVENTS, architecture_page, events_page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


def test_the_page_of_messages_is_fresh() -> None:
    assert EVENTS.read_text() == events_page(), "run `make docs`"


def test_the_rooms_on_the_page_of_the_architecture_are_those_of_the_imports() -> None:
    assert ARCHITECTURE.read_text() == architecture_page(), "run `make docs`"


def test_the_page_of_figures_is_fresh() -> None:
    assert PAGE.read_text() == benchmarks_page(), "run `make docs`"


def test_every_figure_of_a_file_stands_on_the_page_bad_ones_too(tmp_path: Path) -> None:
    row = {"measure": "relay bulk", "unit": "MB/s", "n": 7, "ratio_to": None, "ratio": None}
    slow = row | {"subject": "meridian", "value": 612.34, "min": 0.0123, "max": 1900.0}
    compared = {"value": 1234.5, "ratio_to": "meridian", "ratio": 2.0162, "min": 1.0, "max": 2.0}
    rows = [slow, row | {"subject": "direct", "p99": 1.5} | compared]
    notes = ["A peer was not measured: it is not installed."]
    results = {
        "machine": {"cores": 2},
        "versions": {"python": "3.11"},
        "rows": rows,
        "notes": notes,
    }
    (tmp_path / "other.json").write_text(json.dumps(results))

    page = benchmarks_page(tmp_path)

    assert "## other\n\nMachine: cores 2. Versions: python 3.11.\n" in page
    assert "| relay bulk | meridian | 612 MB/s |  | 0.0123 to 1,900 | 7 |  |\n" in page
    assert "\n\nA peer was not measured: it is not installed.\n\n" in page
    assert "|  | direct | 1,234 MB/s | 1.5 | 1 to 2 | 7 | 2.02 x meridian |\n" in page


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target, _ in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert lost == []


def test_the_readme_is_under_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100
