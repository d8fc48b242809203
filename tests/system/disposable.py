"""Sites of the tree that is judged, shared by the tests of one file while nothing has hurt them."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.system.black_box import BlackBox, running_site, state_folder, tree, until
from tests.system.raw_nats import RawNats

READ_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 0.2
NO_RESPONDERS: Final = "503"


@dataclass(eq=False)
class Sites:
    """One running site at a time; whoever was shown a fault by it is followed by a new one."""

    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)
    _state: Path | None = None
    _site: BlackBox | None = None

    @asynccontextmanager
    async def disposable(self) -> AsyncGenerator[BlackBox]:
        """A whole site; it is given up when the test fails."""
        site = self._site or await self._start()
        try:
            yield site
        except BaseException:
            await self.close()
            raise

    @asynccontextmanager
    async def stopped(self) -> AsyncGenerator[Path]:
        """The folder of a site that was stopped in good order; nobody gets it after this test."""
        if self._site is None:
            await self._start()
        await self._running.aclose()
        self._site = None
        assert self._state is not None, "a site that ran has a folder"
        try:
            yield self._state
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop the site and remove its folder."""
        self._site = self._state = None
        await self._running.aclose()
        await self._stack.aclose()

    async def _start(self) -> BlackBox:
        self._state = self._stack.enter_context(state_folder())
        running = running_site(tree(), self._state)
        self._site = await self._running.enter_async_context(running)
        return self._site


async def keep(client: RawNats, subject: str, payload: bytes, head: bytes = b"") -> tuple[str, int]:
    """Have JetStream keep a message; its stream and its sequence there."""
    answer = await client.request(subject, payload, head)
    async with asyncio.timeout(READ_SECONDS):
        while answer.status == NO_RESPONDERS:  # the stream has no leader yet
            await asyncio.sleep(AGAIN_SECONDS)
            answer = await client.request(subject, payload, head)
    reply: dict[str, Any] = json.loads(answer.payload)
    assert "error" not in reply, f"{subject} is not kept: {reply}"
    return str(reply["stream"]), int(reply["seq"])


async def everybody_read(client: RawNats, stream: str, sequence: int) -> None:
    """Wait until every consumer of *stream* was handed the message at *sequence*.

    One whose reader is gone, which is what may be shown, is not waited for longer than the rest.
    """

    async def is_read() -> bool:
        reply = await client.jetstream(f"CONSUMER.LIST.{stream}", {})
        delivered = [each["delivered"]["stream_seq"] for each in reply["consumers"]]
        pending = [each["num_pending"] for each in reply["consumers"]]
        return bool(delivered) and all(
            place >= sequence or not waiting
            for place, waiting in zip(delivered, pending, strict=True)
        )

    await until(is_read, READ_SECONDS)
