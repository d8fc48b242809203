# pyright: reportUnknownMemberType=false
"""The object store of snapshots: one object for each chunk and each manifest.

Each object is small, so that none takes long on a slow line, and a call that got no answer is
repeated for that object alone. A message in place of an object's description that describes no
object is deleted before an object is stored there: the library reads it first, and would fail, or
delete chunks of other objects.
"""

import asyncio
import base64
import re
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import BadObjectMetaError, NotFoundError
from nats.js.object_store import ObjectStore

from shared.domain.containment import describe_error
from shared.domain.errors import LogUnavailable
from shared.messaging.client import UnreadableAnswer, require_readable
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import SNAPSHOTS

MOVE_SECONDS: Final = 20.0
"""How long moving one object may take."""

STREAM: Final = f"OBJ_{SNAPSHOTS}"
CHUNKS_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
"""What names an object's chunks: a token of their subject, and no wildcard."""


class SnapshotMissing(LogUnavailable):
    """The object does not exist, or not any more."""

    code = "snapshot_missing"


class SnapshotStore:
    """Stores, reads and deletes objects; every method raises LogUnavailable when it cannot."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, name: str, data: bytes) -> None:
        """Store *data*, in place of what had that name."""
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                bucket = await self._bucket()
                await self._clear_junk(bucket, name)
                await require_readable(bucket.put(name, data))
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not stored: {describe_error(error)}") from error

    async def get(self, name: str) -> bytes:
        """Return the data stored under *name*.

        Raises:
            SnapshotMissing: nothing is.
        """
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                bucket = await self._bucket()
                if await self._is_junk(bucket, name):
                    raise LogUnavailable(f"{name} was not fetched: no object is described there")
                return (await require_readable(bucket.get(name))).data or b""
        except NotFoundError as error:
            raise SnapshotMissing(f"{name} is not there any more") from error
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not fetched: {describe_error(error)}") from error

    async def drop(self, name: str) -> bool:
        """Delete *name*; False when it was not there."""
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                bucket = await self._bucket()
                if await self._clear_junk(bucket, name):
                    return True
                await require_readable(bucket.delete(name))
        except NotFoundError:
            return False
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"{name} was not deleted: {describe_error(error)}") from error
        return True

    async def _clear_junk(self, bucket: ObjectStore, name: str) -> bool:
        """Delete the description of *name* if it describes no object; say whether it did."""
        is_junk = await self._is_junk(bucket, name)
        if is_junk:
            await jetstream_of(self._client).purge_stream(STREAM, subject=meta_subject(name))
        return is_junk

    async def _is_junk(self, bucket: ObjectStore, name: str) -> bool:
        """Say whether something lies under *name* and describes no object."""
        try:
            info = await require_readable(bucket.get_info(name, show_deleted=True))
        except NotFoundError:
            return False
        except (BadObjectMetaError, UnreadableAnswer):
            return True
        return CHUNKS_ID.fullmatch(str(info.nuid)) is None

    async def _bucket(self) -> ObjectStore:
        return await jetstream_of(self._client).object_store(SNAPSHOTS)


def chunk_name(snapshot: str, number: int) -> str:
    """The object that holds chunk *number* of *snapshot*."""
    return f"{snapshot}.{number}"


def meta_subject(name: str) -> str:
    """Return the subject of the description of the object *name*."""
    return f"$O.{SNAPSHOTS}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
