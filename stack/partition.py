"""Cutting the nodes of a linked site off from one another, by telling its switchboard."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from typing import Final

from stack import readiness
from stack.crew import Crew
from stack.failure import StartFailed
from stack.layout import Layout
from stack.processes import Program

PLAN: Final = "switchboard.json"


async def start(crew: Crew, seconds: float) -> None:
    """Start the switchboard and wait until every link listens.

    Raises:
        StartFailed: it ended, or did not listen within *seconds*.
    """
    layout = crew.layout
    layout.switchboard.unlink(missing_ok=True)
    file = layout.state / PLAN
    file.write_text(json.dumps(_plan(layout)))
    child = await crew.nursery.run(
        Program(
            name="switchboard",
            arguments=("switchboard", str(file)),
            environment={},
            log=layout.log("site", "switchboard"),
            folder=layout.state,
            module="stack.switchboard",
        )
    )

    async def listens() -> str | None:
        try:
            await cut(layout, ())
        except OSError as error:
            return str(error)
        return None

    await readiness.until({"the switchboard": listens}, [child], seconds)


async def cut(layout: Layout, directions: Iterable[tuple[str, str]]) -> None:
    """Cut *directions* and mend all others; return when it is so.

    Raises:
        StartFailed: the site has no links.
        OSError: its switchboard does not listen.
    """
    if not layout.links:
        raise StartFailed("only a site with links can be cut; start it with linked=True")
    reader, writer = await asyncio.open_unix_connection(layout.switchboard)
    with closing(writer):
        writer.write(json.dumps({"cut": list(directions)}).encode() + b"\n")
        await reader.readline()


def _plan(layout: Layout) -> dict[str, object]:
    return {
        "socket": str(layout.switchboard),
        "links": [asdict(link) for link in layout.links],
        "ports": {
            node.name: {"client": node.nats.client, "cluster": node.nats.cluster}
            for node in layout.servers
            if node.nats
        },
    }
