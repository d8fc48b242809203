"""Performs the site's orders to this relay: drain, undrain, close a session.

An order is written to disk before it is answered, so that a relay which answered "done" still
obeys the order after a restart. Another thread writes the file: no order delays a running session.
"""

import asyncio
from collections.abc import Callable

from services.relay.control.files import RelayFile
from services.relay.core.admission import Admission
from services.relay.core.effects import Effects
from services.relay.core.pairing import PairingTable
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Epoch, SessionId, UnixMillis


class NodeOrders:
    """The orders that this relay obeys, in its core and on its disk."""

    def __init__(
        self,
        admission: Admission,
        pairings: PairingTable,
        perform: Callable[[Effects], None],
        file: RelayFile,
    ) -> None:
        self._admission = admission
        self._pairings = pairings
        self._perform = perform
        self._file = file
        self._write_lock = asyncio.Lock()

    async def drain(self, epoch: Epoch) -> None:
        """Take no new session, and send those that wait to another path.

        Raises:
            StaleEpoch: an order of a later primary came before.
            StoreUnavailable: the order holds until a restart only.
        """
        self._admission.order_drain(epoch, draining=True)
        self._perform(self._pairings.drain())
        await self._save()

    async def undrain(self, epoch: Epoch) -> None:
        """Take new sessions again; the errors are those of `drain`."""
        self._admission.order_drain(epoch, draining=False)
        await self._save()

    async def close_session(self, session: SessionId, until: UnixMillis) -> None:
        """Close *session* here and refuse it until *until*.

        Raises:
            StoreUnavailable: the order holds until a restart only.
        """
        self._admission.close(session, until)
        self._perform(self._pairings.close_session(session))
        await self._save()

    async def forget_expired(self, unix_ms: UnixMillis) -> None:
        """Drop closed sessions whose tickets have expired, on disk too."""
        if self._admission.forget_expired(unix_ms):
            await self._save()

    async def _save(self) -> None:
        async with self._write_lock:
            try:
                await asyncio.to_thread(self._file.save, self._admission.state())
            except OSError as error:
                raise StoreUnavailable(f"the order holds, but was not kept: {error}") from error
