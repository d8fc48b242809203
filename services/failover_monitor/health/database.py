"""Reads single facts of this master's own database, each within a time limit."""

import asyncio
from collections.abc import Awaitable
from typing import Final, Protocol, TypeVar

from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import LogPosition
from shared.persistence.master_state import State

STORE_SECONDS: Final = 1.0

Answer = TypeVar("Answer")


class ReadsState(Protocol):
    """Reads documents and the log position from the own database."""

    async def position(self) -> LogPosition | None: ...
    async def read(self, kinds: tuple[str, ...] = (), id_: str | None = None) -> State: ...


class OwnDatabase:
    """Reads this master's database; a database that hangs is one that does not answer."""

    def __init__(self, store: ReadsState) -> None:
        self._store = store

    async def read_position(self) -> LogPosition | None:
        """Read the log position of the own database.

        Raises:
            StoreUnavailable: it does not answer in time.
        """
        return await _limited(self._store.position())

    async def read_masters(self) -> tuple[frozenset[NodeId], Epoch]:
        """Read which masters the own database names, and up to which epoch it is.

        Raises:
            StoreUnavailable: it does not answer in time.
        """
        state = await _limited(self._store.read(("node",)))
        named = (NodeId(row.id) for row in state.documents if row.body.get("role") == "master")
        return frozenset(named), state.position.epoch


async def _limited(call: Awaitable[Answer]) -> Answer:
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await call
    except TimeoutError as error:
        raise StoreUnavailable("the database does not answer") from error
