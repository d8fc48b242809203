"""The operations pages, typed from top to bottom on machines that are new."""

import json
from pathlib import Path

import pytest

from tests.compose.machines import Machines, machines
from tests.compose.pages import Typed, typed
from tests.compose.site import ROOT

PAGES = ROOT / "docs" / "operations"
IN_ORDER = ("three-machines.md", "upgrade.md", "backup.md")


def test_every_page_that_holds_commands_is_typed() -> None:
    with_commands = {page.name for page in PAGES.glob("*.md") if typed(page)}

    assert with_commands == set(IN_ORDER)


def test_a_block_that_names_no_machine_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nrm -rf everything\n```\n")

    with pytest.raises(ValueError, match="not on which machine"):
        typed(page)


@pytest.mark.timeout(900)
async def test_every_command_of_the_operations_pages_does_what_the_page_says() -> None:
    async with machines() as site:
        for name in IN_ORDER:
            for each in typed(PAGES / name):
                await site.type(each)

        status = await _status(site)
        states = {node["node"]: node["liveness"] for node in status["nodes"]}
        roles = {node["node"]: node["acts_as"] for node in status["nodes"]}
        assert states == {"alpha": "alive", "bravo": "alive", "lisbon": "alive", "witness": None}
        assert sorted(str(roles[name]) for name in ("alpha", "bravo")) == ["backup", "primary"]
        assert {node["lag"] for node in status["nodes"] if node["role"] != "witness"} == {0}
        assert any("session key:" in output for output in site.output)
        assert any("nothing to change" in output for output in site.output)


async def _status(site: Machines) -> dict[str, list[dict[str, object]]]:
    asked = Typed("the end", "alpha", "docker compose run --rm -T meridian status --json")
    lines = (await site.type(asked)).splitlines()
    answer: dict[str, list[dict[str, object]]] = json.loads(
        next(line for line in lines if line.startswith("{"))
    )
    return answer
