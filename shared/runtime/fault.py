"""A broken invariant: our own code is wrong, and the service ends.

It is better to stop than to have two primaries; the supervisor starts the service again, and it
reads its state anew.
"""

import asyncio


class Fault:
    """The first invariant that was broken, if one was."""

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._known = asyncio.Event()

    def report(self, error: BaseException) -> None:
        """Keep *error*, the first one, and let `run` raise it."""
        self._error = self._error or error
        self._known.set()

    async def run(self) -> None:
        """Wait for a fault, and raise it: a service that runs this ends with it."""
        await self._known.wait()
        assert self._error is not None, "set together"
        raise self._error
