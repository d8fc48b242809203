"""A broken invariant: we are wrong, and the service ends.

It is better to stop than to have two primaries; whoever starts us again gives us a state that
is read anew.
"""

import asyncio


class Fault:
    """The first invariant that did not hold, if one did not."""

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._known = asyncio.Event()

    def happened(self, error: BaseException) -> None:
        """*error* shows that we are wrong."""
        self._error = self._error or error
        self._known.set()

    async def run(self) -> None:
        """Wait for a fault, and raise it: a service that runs this ends with it."""
        await self._known.wait()
        assert self._error is not None, "set together"
        raise self._error
