"""One change on a running site passes few files, and the page on the architecture names them."""

import re

from tests.architecture.sources import ROOT
from tools.walk.trace import trace_change

MOST_FILES = 12


async def test_a_change_passes_few_files_and_the_page_names_them() -> None:
    walk = await trace_change()

    assert len(walk.own_files) <= MOST_FILES, walk.by_process
    page = (ROOT / "docs" / "architecture.md").read_text()
    (line,) = re.findall(r"^- \*A change\*: (.*)$", page, re.MULTILINE)
    assert set(re.findall(r"`([a-z_/]+\.py)`", line)) == walk.own_files
