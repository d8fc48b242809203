"""An outside subscriber, written from `docs/events.md` alone, sees and verifies a failover."""

import asyncio
import base64
import json
import re
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.api.trust import trusted_context
from shared.crypto.webhooks import SIGNATURE_HEADER, delivery_headers
from stack.demo.programs import RunningProgram, meridian
from stack.nats import reader_environment
from stack.site import Site
from tests.system.people import environment, run_meridian, signed_in, until

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
CHANGED = "meridian.event.failover.primary_changed"


def example() -> str:
    """The program on the page."""
    (found,) = EXAMPLE.findall((ROOT / "docs" / "events.md").read_text())
    return str(found)


def public_keys(site: Site, path: Path) -> Path:
    """What `curl https://SITE/api/v1/keys` gives to anybody."""
    url = f"{site.gateway_urls[0]}/api/v1/keys"
    with urllib.request.urlopen(url, context=trusted_context(str(site.ca_file))) as answer:
        path.write_bytes(answer.read())
    return path


def failovers(program: RunningProgram) -> list[tuple[str, dict[str, Any]]]:
    """Who said each `primary_changed` that the example printed, and what."""
    rows = [line.split(" ", 3) for line in program.lines if f" {CHANGED} " in line]
    return [(node, json.loads(body)) for node, _, _, body in rows]


def shown(program: RunningProgram) -> list[tuple[str, dict[str, Any]]]:
    """The same, as `meridian events tail --json` printed it."""
    events = [json.loads(line) for line in program.lines if line.startswith("{")]
    return [(each["node"], each["event"]) for each in events if each["subject"] == CHANGED]


def test_the_example_on_the_page_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 30


@dataclass
class Receiver:
    """A program outside that is told by a webhook; it fails until it is mended."""

    got: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )
    is_broken: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        status = "500 Broken" if self.is_broken else "204 Thanks"
        if not self.is_broken:
            self.got.append((headers, body))
        writer.write(f"HTTP/1.1 {status}\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


async def until_failing(env: dict[str, str], file: Path, address: str) -> None:
    """Make the webhook `ops`, and change something until its receiver has refused an event."""

    async def apply(content: dict[str, Any]) -> None:
        file.write_text(json.dumps(content))
        code, words = await run_meridian(env, "apply", "-f", str(file))
        assert code == 0, words

    wanted = {"url": address, "events": ["config.>", "failover.>"]}
    await apply({"webhooks": {"ops": wanted}})
    words = ""
    async with asyncio.timeout(60):
        while '"failing"' not in words:
            await apply({"teams": {"day": {"display_name": str(time.monotonic())}}})
            _, words = await run_meridian(env, "webhook", "progress", "ops", "--json")


async def test_a_webhook_is_notified_in_order_over_a_broken_receiver_and_a_lost_primary(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    try:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await until_failing(env, tmp_path / "change.yaml", address)
        receiver.is_broken = False
        await until(lambda: "config.changed" in receiver.types())
        primary = await own_site.primary()
        assert primary is not None
        await own_site.kill_master(primary)
        await until(lambda: "failover.primary_changed" in receiver.types())
        _, secret = await run_meridian(env, "webhook", "secret", "ops")
    finally:
        server.close()

    key = base64.b64decode(secret.strip().removeprefix("whsec_"))
    for headers, body in receiver.got:
        id_, moment = headers["webhook-id"], int(headers["webhook-timestamp"])
        signed = delivery_headers(key, id_, moment, body)
        assert headers[SIGNATURE_HEADER] == signed[SIGNATURE_HEADER]
    times = [json.loads(body)["timestamp"] for _, body in receiver.got]
    assert times == sorted(times)


@pytest.mark.timeout(300)
async def test_the_example_and_the_command_see_and_verify_a_failover(
    own_site: Site, tmp_path: Path
) -> None:
    (tmp_path / "example.py").write_text(example())
    reads = reader_environment(own_site.layout)
    access = {
        "SERVERS": reads["MERIDIAN_EVENTS_SERVERS"],
        "PASSWORD": Path(reads["MERIDIAN_EVENTS_PASSWORD_FILE"]).read_text(),
        "KEYS": str(public_keys(own_site, tmp_path / "keys.json")),
    }
    path = str(tmp_path / "example.py")
    outside = await RunningProgram.start("example", sys.executable, path, env=access)
    env = {**environment(own_site, tmp_path / "home"), **reads}
    command = meridian("events", "tail", "--since", "1h", "--filter", "failover", "--json")
    tail = await RunningProgram.start("tail", *command, env=env)
    try:
        await until(lambda: bool(failovers(outside) and shown(tail)))
        primary = await own_site.primary()
        assert primary is not None
        other = next(node.name for node in own_site.layout.masters if node.name != primary)
        await own_site.kill_master(primary)

        def both_saw_it() -> bool:
            return len(failovers(outside)) > 1 and len(shown(tail)) > 1

        await until(both_saw_it)
    finally:
        for program in (outside, tail):
            program.process.kill()
            await asyncio.wait_for(program.finished(), 30)

    first, second = failovers(outside)[:2]
    assert (first[0], first[1]["previous"]) == (primary, None)
    assert (second[0], second[1]["node"], second[1]["previous"]) == (other, other, primary)
    assert second[1]["epoch"] > first[1]["epoch"]
    assert shown(tail)[:2] == [first, second]
