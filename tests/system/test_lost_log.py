"""Every file of every log server is lost; the databases have what was acknowledged."""

import asyncio
from pathlib import Path

import pytest

from shared.domain.log import ReplicationMode
from stack.demo.writer import ChangeWriter
from stack.site import Site
from tests.system.people import run_meridian, signed_in, talking
from tests.system.repairs import rebuilt


@pytest.mark.timeout(240)
async def test_a_log_that_lost_every_file_is_rebuilt_with_every_acknowledged_change(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    writer = ChangeWriter(own_site.gateway_urls, own_site.ca_file, own_site.admin_password)
    for number in range(5):
        await writer.propose_once(f"before-{number}")
    whole = await run_meridian(env, "log", "rebuild")
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
        code, words = await run_meridian(env, *command)
        assert code == 0, words
