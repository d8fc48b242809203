"""Each transcript of a whole site has the output that it has today."""

from pathlib import Path

import pytest

from tests.scenarios.site.runner import SiteRunner
from tests.scenarios.transcripts import check

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_site_behaves_as_its_transcript_says(path: Path, *, rewrite: bool) -> None:
    runner = SiteRunner()
    try:
        check(path, runner.run, rewrite=rewrite)
    finally:
        runner.end()
