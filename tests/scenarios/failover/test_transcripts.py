"""Each transcript says what the cluster says today: another behaviour is another text."""

from pathlib import Path

import pytest

from tests.scenarios.failover.stage import Stage, tell

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(HERE.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_story_is_told_as_it_is_written(path: Path) -> None:
    assert tell(path.read_text()) == path.read_text()


def test_a_deed_that_nobody_knows_is_refused() -> None:
    with pytest.raises(AttributeError, match="dance"):
        Stage().do("dance alpha")
