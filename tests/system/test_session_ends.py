"""What becomes of a session on a running site when its ends are killed, doubled or closed."""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stack.demo.programs import RunningProgram, meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.site import Site
from tests.system.people import run_meridian, signed_in, talking, until

NOTICED_SECONDS = 2.0


def events(program: RunningProgram, name: str) -> list[dict[str, Any]]:
    return [each for each in program.events() if each.get("event") == name]


async def listed(env: dict[str, str], session: str) -> dict[str, Any]:
    """The session as `meridian session list` shows it."""
    sessions = json.loads(await run(*meridian("session", "list", "--json"), env=env))
    (found,) = [each for each in sessions if each["session"] == session]
    return dict(found)


@asynccontextmanager
async def opened(env: dict[str, str]) -> AsyncGenerator[tuple[str, str]]:
    """A session without ends, and its key; closed in the end."""
    answer = json.loads(await run(*meridian("session", "open", "--json"), env=env))
    try:
        yield answer["session"], answer["key"]
    finally:
        await run_meridian(env, "session", "close", answer["session"])


@pytest.mark.timeout(240)
async def test_a_second_connect_or_share_is_refused_in_words_and_the_running_pair_goes_on(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with talking(env) as (carried, talk):
        key = carried.key
        before = talk.echoed
        connect = await run_meridian(env, "connect", "--key", key, "--listen", "127.0.0.1:0")
        share = await run_meridian(env, "share", "127.0.0.1:9", "--key", key, "--yes")
        await until(lambda: talk.echoed > before + 50)

        for side, (code, words) in (("representative", connect), ("customer", share)):
            assert code == 1
            assert f"the {side} of session {carried.session} is already connected" in words
        for end in (carried.share, carried.connect):
            assert not events(end, "path_lost")
            assert not events(end, "secret_unknown")
        assert talk.longest_pause < 5.0


@pytest.mark.timeout(240)
async def test_kill_9_of_an_end_is_reported_at_the_other_and_a_restarted_one_gets_its_answer(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    carried = await Carried.open(free_port(), free_port(), env)
    killed_at = time.monotonic()
    carried.share.process.kill()
    await carried.connect.wait_for("other_side_lost")
    noticed_after = time.monotonic() - killed_at
    assert noticed_after < NOTICED_SECONDS, noticed_after

    code, words = await run_meridian(
        env, "share", "127.0.0.1:9", "--key", carried.key, "--yes", "--json"
    )
    assert code == 1
    assert "until a moment ago" in words, "the killed one could have come back"
    assert "was another program before, whose secret went with it" in words
    await carried.connect.wait_for("secret_unknown")
    assert (await listed(env, carried.session))["phase"] == "waiting"
    await carried.stop()


@pytest.mark.timeout(240)
async def test_a_customer_with_a_wrong_key_does_not_count_and_the_right_one_still_can_come(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with opened(env) as (session, key):
        connect = await RunningProgram.start(
            "meridian connect",
            *meridian("connect", "--key", key, "--listen", "127.0.0.1:0", "--json"),
            env=env,
        )
        wrong = f"{session}-wrong-words"
        code, _ = await run_meridian(env, "share", "127.0.0.1:9", "--key", wrong, "--yes")
        assert code == 1
        await connect.wait_for("words_differ")
        assert (await listed(env, session))["phase"] == "waiting"

        share = await RunningProgram.start(
            "meridian share",
            *meridian("share", "127.0.0.1:9", "--key", key, "--yes", "--json"),
            env=env,
        )
        await connect.wait_for("listening")
        assert (await listed(env, session))["phase"] == "active"
        await asyncio.gather(connect.stop(), share.stop())


@pytest.mark.timeout(240)
async def test_after_a_close_both_ends_say_by_whom_and_nothing_of_a_lost_path(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    carried = await Carried.open(free_port(), free_port(), env)
    await run(*meridian("session", "close", carried.session), env=env)
    for end in (carried.share, carried.connect):
        assert (await end.finished())[0] == 0
        assert events(end, "closed")[0]["message"] == "closed by admin"
        assert not events(end, "path_lost")


@pytest.mark.timeout(240)
async def test_a_session_whose_ends_are_both_dead_does_not_stay_active(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    carried = await Carried.open(free_port(), free_port(), env)
    assert (await listed(env, carried.session))["phase"] == "active"
    for end in (carried.share, carried.connect):
        os.kill(end.process.pid, 9)
    async with asyncio.timeout(120):
        while (await listed(env, carried.session))["phase"] == "active":
            await asyncio.sleep(1)
    await run(*meridian("session", "close", carried.session), env=env)
