# pyright: reportUnknownMemberType=false
"""The object store in which masters lay snapshots ready: one object for each chunk and manifest.

Each object is small, so that none takes long on a slow line, and a call that got no answer is
repeated for that object alone.
"""

import asyncio
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore

from shared.domain.errors import LogUnavailable
from shared.messaging.client import answered
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import SNAPSHOTS

MOVE_SECONDS: Final = 20.0
"""How long moving one object may take."""


class SnapshotMissing(LogUnavailable):
    """There is no such object, or not any more."""

    code = "snapshot_missing"


class Shelf:
    """The objects; every method raises LogUnavailable when the store does not do it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, name: str, data: bytes) -> None:
        """Store *data*, in place of what had that name."""
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                await answered((await self._bucket()).put(name, data))
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not stored: {_said(error)}") from error

    async def get(self, name: str) -> bytes:
        """What is stored under *name*.

        Raises:
            SnapshotMissing: nothing is.
        """
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                return (await answered((await self._bucket()).get(name))).data or b""
        except NotFoundError as error:
            raise SnapshotMissing(f"{name} is not there any more") from error
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not fetched: {_said(error)}") from error

    async def drop(self, name: str) -> bool:
        """Take *name* away; False when it was not there."""
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                await answered((await self._bucket()).delete(name))
        except NotFoundError:
            return False
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not taken away: {_said(error)}") from error
        return True

    async def _bucket(self) -> ObjectStore:
        return await jetstream_of(self._client).object_store(SNAPSHOTS)


def chunk_name(snapshot: str, number: int) -> str:
    """The object that holds chunk *number* of *snapshot*."""
    return f"{snapshot}.{number}"


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
