"""The two clocks: one that counts suspend and decides, one that people read.

`CLOCK_BOOTTIME` goes on while the machine sleeps; Python's own monotonic clock does not, and a
lease judged by it would still look valid after an hour's suspend.
"""

import time
from pathlib import Path
from typing import Final, Protocol

from shared.domain.ids import Instant, UnixMillis

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """The source of a shell's readings of time; cores are handed them."""

    def now(self) -> Instant: ...
    def unix_ms(self) -> UnixMillis: ...


class SystemClock:
    """This machine's clocks."""

    def now(self) -> Instant:
        return Instant(time.clock_gettime(_CLOCK))

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(time.time_ns() // 1_000_000)


def kernel_boot_id() -> str:
    """The running kernel's name for this boot: readings of `Clock.now` compare within it only."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
