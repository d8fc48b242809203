"""The streams that a master makes again when they are missing.

Not among them: the log and the lease. They are made by `init` (or a rebuild) only, because a
service that found them missing and made them anew would forget every acknowledged change.
"""

from typing import Final

from nats.js import JetStreamContext
from nats.js.api import ObjectStoreConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

LEASE: Final = "KV_lease"
"""The bucket of the lease; config makes it with each generation of the log."""

SESSIONS: Final = "SESSIONS"
EVENTS: Final = "EVENTS"
SNAPSHOTS: Final = "SNAPSHOTS"
WEEK_SECONDS: Final = 7 * 86_400
SESSION_FACTS_KEPT: Final = 256
SNAPSHOTS_BYTES: Final = 256 << 20
EVENTS_BYTES: Final = 512 << 20


async def ensure_streams(jetstream: JetStreamContext, replicas: int) -> None:
    """Make SESSIONS, EVENTS and SNAPSHOTS where they are missing; what is there stays as it is.

    Raises:
        nats.errors.Error: JetStream did not do it; try again.
    """
    for config in (_sessions(replicas), _events(replicas)):
        try:
            await jetstream.stream_info(str(config.name))
        except NotFoundError:
            await jetstream.add_stream(config)  # pyright: ignore[reportUnknownMemberType]
    try:
        await jetstream.object_store(SNAPSHOTS)
    except NotFoundError:
        await jetstream.create_object_store(  # pyright: ignore[reportUnknownMemberType]
            SNAPSHOTS,
            ObjectStoreConfig(
                bucket=SNAPSHOTS,
                replicas=replicas,
                storage=StorageType.FILE,
                max_bytes=SNAPSHOTS_BYTES,
            ),
        )


def _sessions(replicas: int) -> StreamConfig:
    return StreamConfig(
        name=SESSIONS,
        subjects=["meridian.session.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_age=WEEK_SECONDS,
        max_msgs_per_subject=SESSION_FACTS_KEPT,
        deny_delete=True,
        deny_purge=True,
        allow_direct=False,
    )


def _events(replicas: int) -> StreamConfig:
    return StreamConfig(
        name=EVENTS,
        subjects=["meridian.event.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_age=WEEK_SECONDS,
        max_bytes=EVENTS_BYTES,
        allow_direct=True,
    )
