"""The method `shared_ip`: a second address that this machine has only while it is primary.

The kernel gets the address with a lifetime no longer than the rest of the lease, in whole seconds
and at least one. It drops the address by itself when nobody renews it: whether the process died,
was frozen or is cut off from the key. The address is announced to the neighbours for a minute,
because an announcement may be lost, and some machines ignore one that follows another too closely.
"""

import asyncio
import threading
from ipaddress import IPv4Interface
from typing import Final, Protocol

from services.failover_monitor.redirection.arp import announce
from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.netlink import Interface, explain_errors, hold, release
from shared.documents.redirection import SharedIp
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, Instant
from shared.runtime.clock import Clock

ANNOUNCE_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 60


class PrimaryCheck(Protocol):
    """Says whether this master is primary, now or at a later time without another renewal."""

    def is_primary(self, now: Instant) -> bool: ...


class SharedIpMethod:
    """Holds the address; netlink is used in a thread, because the kernel may let it wait."""

    def __init__(self, role: PrimaryCheck, clock: Clock, renew_seconds: float) -> None:
        self.again_seconds = renew_seconds
        self._role = role
        self._clock = clock
        self._epoch: Epoch | None = None
        self._announce_until = Instant(0.0)
        self._one_at_a_time = threading.Lock()

    async def redirect(self, desired: DesiredState) -> None:
        """Hold the address until the lease ends, and announce it in the first minute."""
        setting = _setting(desired)
        interface = await asyncio.to_thread(self._hold, setting)
        now = self._clock.now()
        if self._epoch != desired.epoch or interface.is_new:
            self._epoch, self._announce_until = desired.epoch, Instant(now + ANNOUNCE_SECONDS)
        if now < self._announce_until:
            with explain_errors(setting):
                announce(interface.name, interface.hardware, IPv4Interface(setting.address).ip)

    async def release(self, desired: DesiredState) -> None:
        """Remove the address before its lifetime ends."""
        self._epoch = None
        await asyncio.to_thread(self._remove, _setting(desired))

    def _hold(self, setting: SharedIp) -> Interface:
        with self._one_at_a_time:
            return hold(setting, seconds_left(self._role, self._clock.now()))

    def _remove(self, setting: SharedIp) -> None:
        with self._one_at_a_time:
            release(setting)


def seconds_left(role: PrimaryCheck, now: Instant) -> int:
    """Count the whole seconds that the lease still lasts, at least one, as the kernel needs them.

    Raises:
        RedirectionFailed: the lease is over.
    """
    if not role.is_primary(now):
        raise RedirectionFailed("this master is no longer primary")
    seconds = 1
    while seconds < LONGEST_SECONDS and role.is_primary(Instant(now + seconds + 1)):
        seconds += 1
    return seconds


def _setting(desired: DesiredState) -> SharedIp:
    setting = desired.setting.shared_ip
    assert setting is not None, "a document with this method says which address"
    return setting
