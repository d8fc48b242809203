"""PostgreSQL of the primary loses its disk: the site goes on, says why, and takes it back."""

import asyncio
import os
import shutil
import sys

from stack import postgres
from stack.servers import wait_for_databases
from stack.site import Site
from tests.system.people import PATIENCE_SECONDS, Api, calling
from tests.system.test_backup import write_team


async def join(site: Site, node: str) -> None:
    """What an operator types on a master whose database is empty."""
    bare = {name: value for name, value in os.environ.items() if "MERIDIAN" not in name}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.config", "join"),
        env=bare | dict(site.environment(node, "config")),
    )
    assert await child.wait() == 0


async def put_new_disk(site: Site, node: str) -> None:
    """PostgreSQL on an empty disk: a server that knows of no site."""
    made = postgres.creation(site.layout, site.layout.node(node), site.processes.postgres)
    child = await site.processes.fork_server.run(made)
    assert await child.wait() == 0
    await site.start_service(node, "postgres")
    await wait_for_databases(site.processes, [site.layout.node(node)], PATIENCE_SECONDS)


async def times_stepped_down(api: Api, node: str) -> int:
    """How often the history says that *node* stepped down."""
    events = (await api.call("GET", "/status/history?limit=200"))["items"]
    fact = "failover.stepped_down"
    return sum((each["fact"], each["nodes"]) == (fact, [node]) for each in events)


async def test_a_primary_whose_database_lost_its_disk_is_followed_and_taken_back(
    site: Site,
) -> None:
    lost = await site.primary()
    assert lost is not None
    async with calling(site) as api:
        before = await times_stepped_down(api, lost)
        await site.kill_service(lost, "postgres")
        shutil.rmtree(site.layout.postgres_folder(lost) / "data")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await site.primary() in {None, lost}:
                await asyncio.sleep(0.1)
        await write_team(api, "meanwhile", "Made without it")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await times_stepped_down(api, lost) == before:
                await asyncio.sleep(0.2)

        await put_new_disk(site, lost)
        (row,) = await api.call("POST", "/sync", {"nodes": [lost]})
        assert (row["ok"], row["code"]) == (False, "store_unavailable")
        await join(site, lost)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not row["ok"]:
                (row,) = await api.call("POST", "/sync", {"nodes": [lost]})
        await site.wait_ready()
        rows = await api.call("POST", "/sync", {})
        assert {each["state"] for each in rows} == {"following"}
        copies = await api.call("GET", "/log/verify")
        assert [each["fault"] for each in copies if each["fault"]] == []
