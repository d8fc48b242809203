"""Each transcript of two monitors has the output that it has today."""

from pathlib import Path

import pytest

from tests.scenarios.failover.runner import FailoverRunner
from tests.scenarios.transcripts import check

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_two_monitors_behave_as_their_transcript_says(path: Path, *, rewrite: bool) -> None:
    check(path, FailoverRunner().run, rewrite=rewrite)


def test_a_command_that_is_not_known_is_refused() -> None:
    with pytest.raises(AttributeError, match="dance"):
        FailoverRunner().run("dance alpha")
