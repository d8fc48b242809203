"""A quarter of a minute of chaos with every run of the tests; `make chaos` goes on for longer."""

from pathlib import Path

import pytest

from tests.system.chaos.story import tell


@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_and_all_reads_are_current_in_chaos(
    tmp_path: Path,
) -> None:
    story = list[str]()

    outcome = await tell(15.0, 4, tmp_path, story.append)

    assert outcome.faults == (), "\n".join(story)
    assert min(outcome.mishaps, outcome.writes, outcome.reads, outcome.blocks) > 2
