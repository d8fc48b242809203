"""One session of the demonstration: opened, shared at one end, connected at the other."""

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.decoding.fields import decode_mapping
from stack.demo.programs import RunningProgram, meridian, run


@dataclass
class Carried:
    """A session that carries one local port of the customer's to one of the representative's."""

    session: str
    key: str
    port: int
    share: RunningProgram
    connect: RunningProgram

    @staticmethod
    async def open(target_port: int, listen_port: int, env: dict[str, str]) -> "Carried":
        """Open a session and bring both ends together.

        Raises:
            RuntimeError: an end did not come up; the message holds its output.
        """
        opened = decode_mapping(
            await run(*meridian("session", "open", "--json"), env=env), "session"
        )
        key = str(opened["key"])
        share = await RunningProgram.start(
            "meridian share",
            *meridian("share", f"127.0.0.1:{target_port}", "--key", key, "--yes", "--json"),
            env=env,
        )
        listen = f"127.0.0.1:{listen_port}"
        connect = await RunningProgram.start(
            "meridian connect",
            *meridian("connect", "--key", key, "--listen", listen, "--json"),
            env=env,
        )
        carried = Carried(str(opened["session"]), key, listen_port, share, connect)
        await asyncio.gather(share.wait_for("connected"), connect.wait_for("connected"))
        return carried

    @property
    def node(self) -> str:
        """The traffic node that the session uses at the moment."""
        placements = [
            each for each in self.connect.events() if each.get("event") in {"connected", "resumed"}
        ]
        return str(placements[-1]["node"])

    @property
    def resumptions(self) -> list[dict[str, Any]]:
        return [each for each in self.connect.events() if each.get("event") == "resumed"]

    @property
    def alive(self) -> bool:
        ends = (self.share, self.connect)
        return all(end.process.returncode is None for end in ends)

    async def stop(self) -> None:
        await asyncio.gather(self.connect.stop(), self.share.stop())
