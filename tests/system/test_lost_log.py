"""Every file of every log server is lost; the databases have what was acknowledged."""

import asyncio
from pathlib import Path

import pytest

from shared.domain.log import ReplicationMode
from stack.demo.writer import Writer
from stack.site import Site
from tests.system.people import said, signed_in, talking
from tests.system.repairs import rebuilt, resynced


@pytest.mark.timeout(300)
async def test_what_a_master_had_alone_is_kept_shown_and_put_back(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    writer = Writer(own_site.gateway_urls, own_site.ca_file, own_site.admin_password)
    await writer.propose_once("common")
    primary = await own_site.primary()
    assert primary is not None
    (backup,) = (each.name for each in own_site.layout.masters if each.name != primary)
    await own_site.kill_master(backup)
    assert (await writer.propose_once("alone"))["mode"] == ReplicationMode.DEGRADED

    await own_site.kill_master(primary)
    await own_site.lose_the_log()
    for node in own_site.layout.servers:
        await own_site.start_service(node.name, "nats")
    for service in ("postgres", *own_site.layout.node(backup).services):
        await own_site.start_service(backup, service)
    assert f"{primary} was not asked" in await rebuilt(env, "--force")
    assert "alone" not in await writer.found()

    for service in ("postgres", *own_site.layout.node(primary).services):
        await own_site.start_service(primary, service)
    conflict = await resynced(env, primary)
    file = tmp_path / "alone.yaml"
    code, words = await said(env, "conflicts", "export", conflict, str(file))
    assert code == 0, words
    assert "alone" in file.read_text()
    code, words = await said(env, "conflicts", "resolve", conflict, "--apply")
    assert code == 0, words
    assert {"common", "alone"} <= await writer.found()


@pytest.mark.timeout(240)
async def test_a_log_that_lost_every_file_is_rebuilt_with_every_acknowledged_change(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    writer = Writer(own_site.gateway_urls, own_site.ca_file, own_site.admin_password)
    for number in range(5):
        await writer.propose_once(f"before-{number}")
    whole = await said(env, "log", "rebuild")
    assert whole[0] != 0
    assert "it is not lost" in whole[1]

    async with talking(env) as (_, talk):
        await own_site.lose_the_log()
        for node in own_site.layout.servers:
            await own_site.start_service(node.name, "nats")
        assert "generation 2 of the log began" in await rebuilt(env)

        async with asyncio.timeout(60.0):
            while True:
                answer = await writer.propose_once("after")
                if answer["mode"] == ReplicationMode.SYNCHRONOUS:
                    break
        assert {f"before-{number}" for number in range(5)} | {"after"} <= await writer.found()
        echoed = talk.echoed
    assert echoed > 0
    for command in (("log", "verify"), ("sync",)):
        code, words = await said(env, *command)
        assert code == 0, words
