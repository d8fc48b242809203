"""The switch `--rewrite-transcripts` writes what was observed; without it nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.transcripts import TranscriptError, check

ROOT = Path(__file__).parents[2]
WRITTEN = """\
# Two commands; the second reports something else than it did.

> ask alpha
  alpha: would take over
> ask bravo
  bravo: an old reason
"""
OBSERVED = WRITTEN.replace("an old reason", "a new reason\n  bravo: and another one")


def run(command: str) -> list[str]:
    outputs = {
        "ask alpha": ["alpha: would take over"],
        "ask bravo": ["bravo: a new reason", "bravo: and another one"],
    }
    return outputs[command]


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "two.txt"
    path.write_text(WRITTEN)
    return path


def test_a_transcript_that_differs_fails_with_the_difference_and_is_not_written(
    transcript: Path,
) -> None:
    with pytest.raises(TranscriptError, match=r"(?s)-  bravo: an old reason.*\+  bravo: a new"):
        check(transcript, run, rewrite=False)
    assert transcript.read_text() == WRITTEN


def test_the_switch_writes_what_was_observed(transcript: Path) -> None:
    check(transcript, run, rewrite=True)
    assert transcript.read_text() == OBSERVED
    check(transcript, run, rewrite=False)


TEST = """
from pathlib import Path
from tests.scenarios.test_rewriting import run
from tests.scenarios.transcripts import check

def test_one(rewrite):
    check(Path("two.txt"), run, rewrite=rewrite)
"""


@pytest.mark.parametrize(
    ("options", "code", "text"), [((), 1, WRITTEN), (("--rewrite-transcripts",), 0, OBSERVED)]
)
def test_the_switch_is_an_option_of_a_test_run(
    transcript: Path, options: tuple[str, ...], code: int, text: str
) -> None:
    folder = transcript.parent
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_one.py").write_text(TEST)
    plugins = ("-p", "no:cacheprovider", "-p", "tests.conftest", "-p", "tests.scenarios.conftest")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert transcript.read_text() == text
