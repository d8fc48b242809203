"""The run that a change must pass: its stages, each within a budget, together under 75 minutes."""

import re
import subprocess

from tests.architecture.sources import ROOT

MOST_SECONDS = 4_500
STAGE = re.compile(r"^stage (\w+) (\d+) ", re.MULTILINE)
RUN = (ROOT / ".ci" / "run").read_text()
STAGES = {name: int(budget) for name, budget in STAGE.findall(RUN)}


def stages(script: str) -> tuple[int, str]:
    """Run *script* with the functions of the stages; the exit code and its output."""
    command = f"set -euo pipefail; source .ci/stages.sh; {script}; exit $failed"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_the_budgets_of_all_stages_together_are_under_75_minutes() -> None:
    assert {"system", "setup", "check", "test", "storm", "containers"} == set(STAGES)
    assert sum(STAGES.values()) < MOST_SECONDS
    assert f"of {sum(STAGES.values())} s" in RUN


def test_a_stage_says_what_it_used_of_its_budget() -> None:
    assert stages("stage quick 5 within true") == (0, "run: quick 0 s of 5 s\n")


def test_a_stage_that_fails_fails_the_run_and_the_next_one_is_run_all_the_same() -> None:
    code, output = stages("stage bad 5 within false; stage good 5 within true")
    assert code == 1
    assert output == "run: bad 0 s of 5 s, failed\nrun: good 0 s of 5 s\n"


def test_a_stage_is_ended_at_its_budget() -> None:
    code, output = stages("stage slow 1 within sleep 60")
    assert code == 124
    assert output == "run: slow 1 s of 1 s, ended at its budget\n"


def test_nothing_is_begun_when_the_budget_is_used_up() -> None:
    slow = "slow() { within sleep 60 || within echo begun >&2; }"
    code, output = stages(f"{slow}; stage slow 1 slow")
    assert code == 124
    assert "begun" not in output
