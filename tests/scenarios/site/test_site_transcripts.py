"""Each transcript of a whole site says what the site says today."""

from pathlib import Path

import pytest

from tests.scenarios.site.stage import tell

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(HERE.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_story_of_a_site_is_told_as_it_is_written(path: Path) -> None:
    assert tell(path.read_text()) == path.read_text()
