"""A quarter of a minute of chaos with every run of the tests; `make chaos` goes on for longer."""

from pathlib import Path

import pytest

from tests.system.chaos.run import run_chaos


@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_and_all_reads_are_current_in_chaos(
    tmp_path: Path,
) -> None:
    lines = list[str]()

    outcome = await run_chaos(15.0, 89, tmp_path, lines.append)

    assert outcome.faults == (), "\n".join(lines)
    assert min(outcome.mishaps, outcome.writes, outcome.reads, outcome.blocks) > 2
