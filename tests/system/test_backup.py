"""Backups and the history of the status on a running site, by the commands that people type."""

import asyncio
import json
from pathlib import Path
from typing import Any

from stack.site import Site
from tests.system.people import PATIENCE_SECONDS, Api, calling, run_meridian, signed_in


async def write_team(api: Api, name: str, display_name: str) -> None:
    await api.call("PUT", f"/teams/{name}", {"display_name": display_name})


async def history_with(api: Api, *facts: str) -> list[dict[str, Any]]:
    """The history, once it holds every one of *facts*."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            page = await api.call("GET", "/status/history?limit=200")
            events: list[dict[str, Any]] = page["items"]
            if set(facts) <= {event["fact"] for event in events}:
                return events
            await asyncio.sleep(0.2)


async def test_a_backup_brings_back_what_was_lost_and_nothing_else(
    site: Site, tmp_path: Path
) -> None:
    env, file = await signed_in(site, tmp_path), tmp_path / "site.backup"
    async with calling(site) as api:
        await write_team(api, "kept", "As it was")
        code, words = await run_meridian(env, "backup", "create", str(file))
        assert code == 0, words
        await write_team(api, "kept", "Spoiled")
        await write_team(api, "later", "New")

        code, words = await run_meridian(env, "backup", "restore", str(file), "--json")
        assert code == 0, words
        done = json.loads(words)
        assert [change["id"] for change in done["changes"]] == ["kept"]
        assert done["revision"] > done["backup"]["revision"]
        assert "team later" in done["stays"]
        teams = (await api.call("GET", "/teams"))["items"]
        names = {each["id"]: each["body"]["display_name"] for each in teams}
        assert (names["kept"], names["later"]) == ("As it was", "New")

    file.write_bytes(file.read_bytes()[:-1])
    code, sentence = await run_meridian(env, "backup", "restore", str(file))
    assert code == 1
    assert sentence.strip() == (
        "meridian: the backup ends in the middle: a part of the file is missing"
    )


async def test_the_history_names_who_was_primary_and_what_operators_did(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    code, refusal = await run_meridian(env, "switchover", "--to", "nowhere")
    assert code == 1
    async with calling(site) as api:
        switched = await api.call("POST", "/switchover", {})
        events = await history_with(api, "failover.primary_changed", "operation.ended")
    changes = [each for each in events if each["fact"] == "failover.primary_changed"]
    newest, before = changes[0], changes[1]
    assert newest["body"]["node"] == switched["primary"]
    assert (newest["is_state"], newest["lasted_ms"]) == (True, None)
    assert before["lasted_ms"] == newest["at_unix_ms"] - before["at_unix_ms"]
    failed = [each for each in events if each["body"].get("failed")]
    assert any(refusal.strip().removeprefix("meridian: ") in each["sentence"] for each in failed)
    code, table = await run_meridian(env, "status", "--history")
    assert code == 0
    assert "is primary of epoch" in table
    assert "until now" in table


async def test_every_follower_proves_its_position(site: Site) -> None:
    async with calling(site) as api:
        rows = await api.call("POST", "/sync", {})
        assert {row["state"] for row in rows} == {"following"}
        assert len({row["hash"] for row in rows if row["lag"] == 0}) == 1
        body = {"nodes": [rows[0]["node"]], "resync": True}
        (again,) = await api.call("POST", "/sync", body)
        assert (again["ok"], again["state"]) == (True, "following")
