"""Cuts the nodes of a linked site off from one another, by orders to its link proxy."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from typing import Final

from stack import readiness
from stack.failure import StartFailed
from stack.layout import Layout
from stack.process_group import ProcessGroup
from stack.processes import Program

PLAN: Final = "link_proxy.json"


async def start(processes: ProcessGroup, seconds: float) -> None:
    """Start the link proxy and wait until every link listens.

    Raises:
        StartFailed: it ended, or did not listen within *seconds*.
    """
    layout = processes.layout
    layout.link_proxy.unlink(missing_ok=True)
    file = layout.state / PLAN
    file.write_text(json.dumps(_plan(layout)))
    child = await processes.fork_server.run(
        Program(
            name="link_proxy",
            arguments=("link_proxy", str(file)),
            environment={},
            log=layout.log("site", "link_proxy"),
            folder=layout.state,
            module="stack.link_proxy",
        )
    )

    async def listens() -> str | None:
        try:
            await cut(layout, ())
        except OSError as error:
            return str(error)
        return None

    await readiness.until({"the link proxy": listens}, [child], seconds)


async def cut(layout: Layout, directions: Iterable[tuple[str, str]]) -> None:
    """Cut *directions* and mend all others; return when it is so.

    Raises:
        StartFailed: the site has no links.
        OSError: its link proxy does not listen.
    """
    if not layout.links:
        raise StartFailed("only a site with links can be cut; start it with linked=True")
    reader, writer = await asyncio.open_unix_connection(layout.link_proxy)
    with closing(writer):
        writer.write(json.dumps({"cut": list(directions)}).encode() + b"\n")
        await reader.readline()


def _plan(layout: Layout) -> dict[str, object]:
    return {
        "socket": str(layout.link_proxy),
        "links": [asdict(link) for link in layout.links],
        "ports": {
            node.name: {"client": node.nats.client, "cluster": node.nats.cluster}
            for node in layout.servers
            if node.nats
        },
    }
