"""A master alone, without a quorum, is promoted by force; afterwards the site is whole again."""

import asyncio
from pathlib import Path

import pytest

from shared.domain.log import ReplicationMode
from stack.alone import rejoin_empty, restart_alone
from stack.demo.writer import ChangeWriter
from stack.site import Site
from tests.system.people import run_meridian, signed_in
from tests.system.repairs import exported, rebuilt, resynced

WITNESS = "witness"


@pytest.mark.timeout(300)
async def test_a_master_goes_on_alone_and_what_the_other_had_alone_is_kept(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    writer = ChangeWriter(own_site.gateway_urls, own_site.ca_file, own_site.admin_password)
    await writer.propose_once("common")
    lost = await own_site.primary()
    assert lost is not None
    (kept,) = (each.name for each in own_site.layout.masters if each.name != lost)
    order = ("failover", "promote", kept, "--yes", "--force", "--reason", "its data centre burns")
    code, words = await run_meridian(env, *order)
    assert (code, "use `meridian switchover`" in words) == (1, True), words

    await own_site.kill_master(kept)
    assert (await writer.propose_once("alone"))["mode"] == ReplicationMode.DEGRADED
    await own_site.kill_master(lost)
    await own_site.kill_service(WITNESS, "nats")
    for service in ("postgres", "nats", *own_site.layout.node(kept).services):
        await own_site.start_service(kept, service)

    promotion = asyncio.create_task(run_meridian(env, *order))
    await restart_alone(own_site, kept)
    code, words = await promotion
    assert code == 0, words
    assert f"{kept} goes on alone: generation 2 of the log began" in words
    assert (await writer.propose_once("promoted"))["mode"] == ReplicationMode.DEGRADED
    assert await own_site.primary() == kept
    assert "alone" not in await writer.found()

    await rejoin_empty(own_site)
    assert f"{lost} was not asked" in await rebuilt(env, "--force")
    for service in ("postgres", *own_site.layout.node(lost).services):
        await own_site.start_service(lost, service)
    conflict = await resynced(env, lost)
    assert "alone" in await exported(env, conflict, tmp_path / "alone.yaml")
    code, words = await run_meridian(env, "conflicts", "resolve", conflict, "--apply")
    assert code == 0, words
    assert {"common", "alone", "promoted"} <= await writer.found()
