"""Ends a process whose event loop is stalled when its right to act as primary ends.

Nobody acts without a grant that is still valid, however long a loop stalls: that needs no watchdog.
But a stalled process goes on to *hold* what others wait for: an open transaction on the database
that its own replication must write to, a place in a queue group that is handed questions, the
connections of people who would find the other master if theirs were closed. So when the grant is
over a thread asks the loop for a sign of life. Without one it prints where the loop hangs and ends
the process; its supervisor starts it again, as a backup.

Only time in which this thread itself runs counts against the loop: a process that was stopped, or
a machine that slept, is treated like any other, and gets its chance to step down.
"""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from shared.domain.ids import Instant
from shared.runtime.clock import Clock

GRACE_SECONDS: Final = 2.0
"""How long a loop may take for its sign of life; much longer than work that is only slow."""

STALLED: Final = 3
"""What a process ends with that was ended because its loop stalled."""

LOOK_SECONDS: Final = 0.5
"""Waiting does not count suspend and deadlines do, so the clock is looked at this often."""

SLICE_SECONDS: Final = 0.02


def end_process(why: str) -> None:
    """End at once, without the loop's help; the printed stacks show where it hangs."""
    sys.stderr.write(f"{why}\n")
    faulthandler.dump_traceback(file=sys.stderr)
    sys.stderr.flush()
    os._exit(STALLED)


class Watchdog:
    """Watches one loop, from a thread of its own, while `run` runs on that loop."""

    def __init__(
        self,
        granted_until: Callable[[], Instant],
        clock: Clock,
        end: Callable[[str], None] = end_process,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Keep *granted_until*, which the thread calls: it reads one value and changes nothing."""
        self._granted_until = granted_until
        self._clock = clock
        self._end = end
        self._grace = grace_seconds
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Watch the running loop until cancelled."""
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stopped.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the end of each grant, and ask the loop then."""
        asked_for = Instant(0.0)
        while not self._stopped.is_set():
            until = self._granted_until()
            left = until - self._clock.now()
            if left <= 0 and until != asked_for and not self._lives(loop):
                self._end(
                    "the event loop does not run and the right to act as primary is over; the "
                    "process ends, so that it holds nothing that others wait for"
                )
                return
            asked_for = until if left <= 0 else asked_for
            self._stopped.wait(min(left, LOOK_SECONDS) if left > 0 else LOOK_SECONDS)

    def _lives(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether *loop* runs within the grace, counting what this thread ran of it."""
        sign, patience = threading.Event(), self._grace
        try:
            loop.call_soon_threadsafe(sign.set)
        except RuntimeError:
            return True  # the loop was closed: the process ends by itself
        while patience > 0:
            began = self._clock.now()
            if sign.wait(SLICE_SECONDS) or self._stopped.is_set():
                return True
            if self._clock.now() - began < 2 * SLICE_SECONDS:
                patience -= SLICE_SECONDS
        return False
