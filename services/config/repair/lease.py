"""Makes the lease's bucket, with the first revision that its generation of the log gives it."""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration
from shared.domain.log import REVISIONS_OF_A_BUCKET
from shared.messaging.connection import jetstream_of

LEASE_BUCKET: Final = "lease"


def first_revision(generation: LogGeneration) -> int:
    """Return the first revision of the lease's bucket that is made with *generation* of the log.

    No two buckets share a revision. A master that slept through the loss of a bucket renews by the
    revision that it knows; in the next bucket that must never be what another master wrote.
    """
    return 1 + (generation - 1) * REVISIONS_OF_A_BUCKET


async def make_lease(client: Client, replicas: int, generation: LogGeneration) -> None:
    """Make the lease's bucket where it is missing; `init` and a rebuild alone may.

    It is made as a stream, because the call for a bucket leaves no choice of the first revision.

    Raises:
        LogUnavailable: JetStream did not do it; try again.
    """
    jetstream = jetstream_of(client)
    config = StreamConfig(
        name=f"KV_{LEASE_BUCKET}",
        subjects=[f"$KV.{LEASE_BUCKET}.>"],
        first_seq=first_revision(generation),
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=replicas,
        deny_delete=True,
        allow_rollup_hdrs=True,
        allow_direct=False,
    )
    try:
        await jetstream.stream_info(f"KV_{LEASE_BUCKET}")
    except NotFoundError:
        try:
            await jetstream.add_stream(config)  # pyright: ignore[reportUnknownMemberType]
        except (NatsError, OSError) as error:
            raise LogUnavailable(f"the lease was not made: {error}") from error
    except (NatsError, OSError, TimeoutError) as error:
        raise LogUnavailable(f"the lease does not answer: {error}") from error
