"""A containment that lets nothing of ours pass unseen: a broken invariant fails the test."""

import asyncio

from shared.runtime.containment import Containment


class Watched(Containment):
    """What a service hands its parts, for a part alone."""

    async def finished(self) -> None:
        """Wait until nothing that was started is under way."""
        await asyncio.gather(*self._tasks)


def contained() -> Watched:
    return Watched(_fail)


def _fail(error: BaseException) -> None:
    raise AssertionError("an invariant is broken, and the service would end") from error
