"""Hooks that are real: commands of this machine, and a web server that misbehaves."""

import asyncio
import hashlib
import hmac
import json
import os
from pathlib import Path

import pytest

from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.hook import HookMethod
from shared.documents.redirection import Hook, Redirection, RedirectionMethod
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, NodeId
from tests.integration.failover_monitor.webserver import HOST, web_server

SECONDS = 15.0

pytestmark = pytest.mark.integration


def desired(url: str = "") -> DesiredState:
    setting = Redirection(method=RedirectionMethod.HOOK, hook=Hook(webhook_url=url))
    gateway = "https://bravo.example:8443"
    return DesiredState("support.example.com", NodeId("bravo"), Epoch(7), setting, gateway)


def command(script: str) -> HookMethod:
    return HookMethod(("/bin/sh", "-c", script))


async def refusal(method: HookMethod, url: str = "") -> str:
    with pytest.raises(RedirectionFailed) as caught:
        await method.redirect(desired(url))
    assert caught.value.code == "redirection_failed"
    return caught.value.message


async def test_a_command_learns_which_master_is_primary_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIDIAN_PSK", "secret")
    environment_file = tmp_path / "environment_file"
    await command(f"env > {environment_file}").redirect(desired())

    assert {
        "REDIRECTION_SITE=support.example.com",
        "REDIRECTION_NODE=bravo",
        "REDIRECTION_EPOCH=7",
        "REDIRECTION_GATEWAY_URL=https://bravo.example:8443",
    } <= set(environment_file.read_text().splitlines())
    assert "secret" not in environment_file.read_text()


async def test_a_command_that_fails_is_named_with_its_last_words() -> None:
    error = await refusal(command("echo 'the router says no' >&2; exit 3"))

    assert error == "the hook /bin/sh ended with 3: the router says no"


async def test_a_command_that_is_not_there_is_named() -> None:
    error = await refusal(HookMethod(("/nowhere/swing",)))

    assert error == "the hook /nowhere/swing cannot be started: No such file or directory"


async def test_a_hook_without_command_and_address_says_where_to_set_one() -> None:
    assert "MERIDIAN_REDIRECTION_COMMAND" in await refusal(HookMethod())


async def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    hanging = asyncio.create_task(command(script).redirect(desired()))
    async with asyncio.timeout(SECONDS):
        while not pids.exists():
            await asyncio.sleep(0.01)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        while any(_lives(int(pid)) for pid in pids.read_text().split()):
            await asyncio.sleep(0.01)


async def test_what_a_command_leaves_running_holds_nothing_up(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    async with asyncio.timeout(SECONDS):
        await command(f"sleep 600 & echo $! > {pid}").redirect(desired())
    os.kill(int(pid.read_text()), 9)


def _lives(pid: int) -> bool:
    """Whether that process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_webhook_is_notified_in_signed_words() -> None:
    async with web_server("204 No Content") as web:
        await HookMethod(key=b"a key").redirect(desired(web.url))

    ((head, body),) = web.heard
    assert json.loads(body) == {
        "site": "support.example.com",
        "node": "bravo",
        "epoch": 7,
        "gateway_url": "https://bravo.example:8443",
    }
    proof = hmac.new(b"a key", body, hashlib.sha256).hexdigest()
    assert f"Meridian-Signature: sha256={proof}".encode() in head
    assert head.startswith(b"POST /redirect?token=hidden ")


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found"])
async def test_a_webhook_that_does_not_do_it_is_named_without_what_may_be_secret(
    status: str,
) -> None:
    async with web_server(status) as web:
        error = await refusal(HookMethod(), web.url)

    assert error == f"the webhook on {HOST} answered {status[:3]}"


async def test_a_webhook_that_sends_elsewhere_is_not_followed() -> None:
    async with web_server("200 OK") as elsewhere:
        there = f"302 Found\r\nLocation: {elsewhere.url}"
        async with web_server(there) as web:
            error = await refusal(HookMethod(), web.url)

    assert error == f"the webhook on {HOST} answered 302"
    assert elsewhere.heard == []


async def test_a_webhook_where_nobody_listens_is_named() -> None:
    async with web_server("200 OK") as web:
        pass

    assert (await refusal(HookMethod(), web.url)).startswith(
        f"the webhook on {HOST} cannot be notified: "
    )


async def test_a_webhook_that_never_answers_can_be_given_up() -> None:
    async with asyncio.timeout(SECONDS), web_server() as web:
        waiting = asyncio.create_task(HookMethod().redirect(desired(web.url)))
        await web.came.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
