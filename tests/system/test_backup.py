"""Backups and the history of the status on a running site, by the commands that people type."""

import asyncio
import json
from pathlib import Path
from typing import Any

from stack.site import Site
from tests.system.people import PATIENCE_SECONDS, said, signed_in


async def told(env: dict[str, str], *words: str) -> Any:
    """What a command that goes well says as JSON."""
    code, text = await said(env, *words, "--json")
    assert code == 0, text
    return json.loads(text)


async def history_with(env: dict[str, str], *facts: str) -> list[dict[str, Any]]:
    """The history, once it holds every one of *facts*."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            events: list[dict[str, Any]] = await told(env, "status", "--history", "--since", "1h")
            if set(facts) <= {event["fact"] for event in events}:
                return events


async def test_a_backup_brings_back_what_was_lost_and_nothing_else(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    team, file = tmp_path / "team.yaml", tmp_path / "site.backup"
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse battery\n")
    team.write_text("teams: {kept: {display_name: As it was}}\n")
    assert (await said(env, "apply", "-f", str(team)))[0] == 0
    for sealed in ((), ("--passphrase-file", str(phrase))):
        await told(env, "backup", "create", str(file), *sealed)
        found = await told(env, "backup", "verify", str(file), *sealed)
        assert found["by_passphrase"] == bool(sealed)
        team.write_text("teams: {kept: {display_name: Spoiled}, later: {display_name: New}}\n")
        assert (await said(env, "apply", "-f", str(team)))[0] == 0

        plan = await told(env, "backup", "restore", str(file), "--dry-run", *sealed)
        assert [change["id"] for change in plan["changes"]] == ["kept"]
        done = await told(env, "backup", "restore", str(file), *sealed)
        assert done["revision"] > plan["backup"]["revision"]
        assert ("team later" in done["stays"]) == (not sealed), "then it was not in the backup"
        exported = await told(env, "export")
        names = {each["id"]: each["body"] for each in exported["documents"]}
        assert names["kept"]["display_name"] == "As it was"
        assert names["later"]["display_name"] == "New"

    damaged = tmp_path / "damaged"
    damaged.write_bytes(file.read_bytes()[:-1])
    code, sentence = await said(env, "backup", "restore", str(damaged))
    assert code == 1
    assert sentence.strip() == (
        "meridian: the backup ends in the middle: a part of the file is missing"
    )


async def test_the_history_tells_who_was_primary_and_what_operators_did(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    code, refusal = await said(env, "switchover", "--to", "nowhere")
    assert code == 1
    switched = await told(env, "switchover")
    events = await history_with(env, "failover.primary_changed", "operation.ended")
    changes = [each for each in events if each["fact"] == "failover.primary_changed"]
    newest, before = changes[0], changes[1]
    assert newest["body"]["node"] == switched["primary"]
    assert (newest["is_state"], newest["lasted_ms"]) == (True, None)
    assert before["lasted_ms"] == newest["at_unix_ms"] - before["at_unix_ms"]
    failed = [each for each in events if each["body"].get("failed")]
    assert any(refusal.strip().removeprefix("meridian: ") in each["said"] for each in failed)
    only = await told(env, "status", "--history", "--node", "nowhere")
    assert {each["fact"] for each in only} <= {"operation.ended"}
    code, table = await said(env, "status", "--history")
    assert code == 0
    assert "is primary of epoch" in table
    assert "until now" in table


async def test_every_follower_proves_its_position(site: Site, tmp_path: Path) -> None:
    env = await signed_in(site, tmp_path)
    rows = await told(env, "sync")
    assert {row["state"] for row in rows} == {"following"}
    assert len({row["hash"] for row in rows if row["lag"] == 0}) == 1
    again = await told(env, "sync", rows[0]["node"], "--resync")
    assert (again[0]["ok"], again[0]["state"]) == (True, "following")
    code, sentence = await said(env, "sync", "nowhere")
    assert code == 1
    assert "there is no node 'nowhere'" in sentence
