"""The method `shared_ip`: an address that the primary has beside its own, and only while it is one.

The kernel gets it with a lifetime no longer than the lease has left, in whole seconds and at least
one, and forgets it by itself when nobody renews it: whether the process died, was frozen or is cut
off from the key. The neighbours are told of it for a minute, because one announcement may be lost
and some machines believe none that follows another too closely.
"""

import asyncio
import threading
from ipaddress import IPv4Interface
from typing import Final, Protocol

from services.failover_monitor.redirection.arp import announce
from services.failover_monitor.redirection.core import Wish
from services.failover_monitor.redirection.netlink import Place, explained, hold, let_go
from shared.documents.redirection import SharedIp
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, Instant
from shared.runtime.clock import Clock

ANNOUNCE_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 60


class Role(Protocol):
    """Whether this master is primary, and at a later time will be without another renewal."""

    def is_primary(self, now: Instant) -> bool: ...


class SharedIpMethod:
    """Holds the address; netlink is spoken in a thread, because the kernel may let it wait."""

    def __init__(self, role: Role, clock: Clock, renew_seconds: float) -> None:
        self.again_seconds = renew_seconds
        self._role = role
        self._clock = clock
        self._announced: tuple[Epoch, Instant] | None = None
        self._one_at_a_time = threading.Lock()

    async def lead(self, wish: Wish) -> None:
        """Have the address until the lease ends, and tell the neighbours while that is news."""
        setting = _setting(wish)
        place = await asyncio.to_thread(self._hold, setting)
        now, told = self._clock.now(), self._announced
        if told is None or told[0] != wish.epoch or place.is_new:
            told = self._announced = wish.epoch, Instant(now + ANNOUNCE_SECONDS)
        if now < told[1]:
            with explained(setting):
                announce(place.name, place.hardware, IPv4Interface(setting.address).ip)

    async def release(self, wish: Wish) -> None:
        """Take the address away; it would vanish with its lifetime too."""
        self._announced = None
        await asyncio.to_thread(self._let_go, _setting(wish))

    def _hold(self, setting: SharedIp) -> Place:
        with self._one_at_a_time:
            return hold(setting, seconds_left(self._role, self._clock.now()))

    def _let_go(self, setting: SharedIp) -> None:
        with self._one_at_a_time:
            let_go(setting)


def seconds_left(role: Role, now: Instant) -> int:
    """Whole seconds that the lease still lasts, one at least: the kernel counts in those.

    Raises:
        RedirectionFailed: it is over.
    """
    if not role.is_primary(now):
        raise RedirectionFailed("this master is primary no more")
    seconds = 1
    while seconds < LONGEST_SECONDS and role.is_primary(Instant(now + seconds + 1)):
        seconds += 1
    return seconds


def _setting(wish: Wish) -> SharedIp:
    setting = wish.setting.shared_ip
    assert setting is not None, "a document with this method says which address"
    return setting
