"""Pages that are made from the code say what the code says."""

import re
from pathlib import Path

from tools.docs import EVENTS, events_page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


def test_the_page_of_messages_is_fresh() -> None:
    assert EVENTS.read_text() == events_page(), "run `make docs`"


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
