"""Documents that an earlier commit approved or changed, shown by a site's command line."""

from pathlib import Path
from typing import Final

import pytest

from tests.system.black_box import BlackBox
from tests.system.disposable import Sites
from tests.system.mended import require

SEVEN: Final = "users:\n  007: {role: auditor}\n"
SPREADSHEET: Final = (
    "sep=;\r\nADDRESS;UTC_OFFSET;LATITUDE;LONGITUDE\r\n192.0.2.7;+5;52,5;13,4\r\n;;;\r\n"
)

CANNOT_WORK: Final = {
    "a member that is not there": "teams:\n  desk: {members: [nobody]}\n",
    "a node name with capitals": "nodes:\n  Berlin: {role: traffic}\n",
    "a webhook to no port": "webhooks:\n  chat: {url: 'http://127.0.0.1:80800/'}\n",
    "a host with an empty label": (
        "nodes:\n  oslo: {role: traffic, public_address: {host: relay..example.com, port: 1}}\n"
    ),
    "a host that turns its direction": (
        'nodes:\n  oslo: {role: traffic, public_address: {host: "a\\u202eb", port: 1}}\n'
    ),
    "a network with a scope": "nodes:\n  oslo: {role: traffic, prefixes: ['fe80::1%eth0']}\n",
    "an offset of nowhere": "nodes:\n  oslo: {role: traffic, timezone: '-14:00'}\n",
}


async def command(site: BlackBox, home: Path, *arguments: str) -> tuple[int, str]:
    """A command of somebody who has signed in."""
    if not list(home.glob("*.json")):
        code, output = await site.command("login", "admin", home=home)
        assert code == 0, output
    return await site.command(*arguments, home=home)


@pytest.mark.mends(sign="reply wrong")
async def test_a_dry_run_refuses_what_cannot_work(sites: Sites, tmp_path: Path) -> None:
    approved: list[str] = []
    async with sites.disposable() as site:
        for name, text in CANNOT_WORK.items():
            file = tmp_path / "site.yaml"
            file.write_text(text)
            code, output = await command(site, tmp_path, "apply", "-f", str(file), "--dry-run")
            assert len(output.splitlines()) == 1 or code == 0, output
            approved += [name] if code == 0 else []

        require(not approved, "reply wrong", f"approved by a dry run: {', '.join(approved)}")


@pytest.mark.mends(sign="reply wrong")
async def test_a_name_of_digits_stays_and_is_not_pruned(sites: Sites, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SEVEN)
    async with sites.disposable() as site:
        code, output = await command(site, tmp_path, "apply", "-f", str(file))
        assert code == 0, output
        code, exported = await command(site, tmp_path, "export")
        assert code == 0, exported

        require("'007'" in exported or "007:" in exported, "reply wrong", exported)
        file.write_text(exported)
        code, output = await command(
            site, tmp_path, "apply", "-f", str(file), "--prune", "--dry-run"
        )
        require(code == 0 and "nothing to change" in output, "reply wrong", output)


@pytest.mark.mends(sign="reply wrong")
async def test_a_deeply_nested_file_is_one_sentence_with_its_line(
    sites: Sites, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("site: {name: s}\nnodes:\n" + " [\n" * 2_000)
    async with sites.disposable() as site:
        code, output = await command(site, tmp_path, "apply", "-f", str(file))

        require(code != 0 and "Traceback" not in output, "reply wrong", output[-300:])
        require(
            f"{file}:" in output and len(output.splitlines()) == 1, "reply wrong", output[-300:]
        )


@pytest.mark.mends(sign="reply wrong")
async def test_clients_of_a_spreadsheet_are_placed(sites: Sites, tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_bytes(SPREADSHEET.encode("utf-16"))
    async with sites.disposable() as site:
        arguments = ("simulate", "selection", "--clients", str(file))
        code, output = await command(site, tmp_path, *arguments)

        require(code == 0 and "1 clients" in output, "reply wrong", output[-300:])
