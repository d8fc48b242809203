"""A customer arrives by a public site, waits, is taken, and both ends show one code."""

import asyncio
import json
from pathlib import Path

import pytest

from stack.demo.programs import RunningProgram, meridian, run
from stack.demo.target import free_port
from stack.site import Site
from tests.system.people import environment, run_meridian, signed_in

CONFIGURATION = """
users:
  rita: {role: representative, password: twelve letters}
teams:
  desk: {members: [rita]}
public_sites:
  help: {hostnames: [help.example.com], teams: [desk], selection_method: timezone_offset}
"""


async def representative(site: Site, folder: Path) -> dict[str, str]:
    """Rita of the desk, signed in, on a site that has a desk."""
    admin = await signed_in(site, folder / "admin")
    (folder / "desk.yaml").write_text(CONFIGURATION)
    await run(*meridian("apply", "-f", str(folder / "desk.yaml")), env=admin)
    (folder / "password").write_text("twelve letters")
    rita = environment(site, folder / "rita")
    rita["MERIDIAN_PASSWORD_FILE"] = str(folder / "password")
    await run(*meridian("login", "rita"), env=rita)
    return rita


async def arriving(site: Site, home: Path, address: str, at: str) -> tuple[RunningProgram, str]:
    """A customer who waits, and their session."""
    customer = await RunningProgram.start(
        "meridian arrive",
        *meridian("arrive", address, "--at", at, "--yes", "--json"),
        env=environment(site, home),
    )
    await customer.wait_for("waiting")
    return customer, str((await customer.wait_for("arrived"))["session"])


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()


@pytest.mark.timeout(200)
async def test_a_customer_of_a_queue_is_taken_and_both_ends_show_one_code(
    site: Site, tmp_path: Path
) -> None:
    rita = await representative(site, tmp_path)
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    address, listen = f"127.0.0.1:{echo.sockets[0].getsockname()[1]}", free_port()
    customer, session = await arriving(site, tmp_path / "carl", address, "Carl@help.example.com")
    (shown,) = json.loads(await run(*meridian("session", "queue", "--json"), env=rita))
    assert (shown["session"], shown["customer"], shown["team"]) == (session, "Carl", "desk")

    await run(*meridian("session", "accept", session), env=rita)
    connect = await RunningProgram.start(
        "meridian connect",
        *meridian("connect", "--key", session, "--listen", f"127.0.0.1:{listen}", "--json"),
        env=rita,
    )
    await asyncio.gather(customer.wait_for("connected"), connect.wait_for("connected"))

    codes = [(await each.wait_for("compare"))["code"] for each in (customer, connect)]
    assert codes[0] == codes[1]
    assert (await customer.wait_for("accepted"))["representative"] == "rita"
    reader, writer = await asyncio.open_connection("127.0.0.1", listen)
    writer.write(b"through the queue")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 30) == b"through the queue"
    writer.close()
    assert json.loads(await run(*meridian("session", "queue", "--json"), env=rita)) == []
    await connect.stop()
    await customer.stop()
    echo.close()


@pytest.mark.timeout(120)
async def test_a_customer_who_leaves_is_gone_from_the_queue(site: Site, tmp_path: Path) -> None:
    rita = await representative(site, tmp_path)
    customer, session = await arriving(site, tmp_path / "carl", "127.0.0.1:9", "help/desk")
    await customer.stop()

    code, words = await run_meridian(rita, "session", "accept", session)

    assert code != 0
    assert "its program was stopped" in words
    assert json.loads(await run(*meridian("session", "queue", "--json"), env=rita)) == []
