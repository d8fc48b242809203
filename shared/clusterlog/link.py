"""Shows that a process's own connection to the log's servers works."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from shared.clusterlog.names import stream_name, subject_name
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration
from shared.messaging.connection import jetstream_of


class LogLink:
    """The connection of *client*, on which *generation* of the log is read and extended."""

    def __init__(self, client: Client, generation: Callable[[], LogGeneration]) -> None:
        self._client = client
        self._generation = generation

    async def check_link(self, seconds: float) -> None:
        """Show that a server answers, within *seconds*.

        It is asked for the log's last message. A log without a leader may not answer that at all,
        and is the same for everybody; so what answers then is the server's own pong.

        Raises:
            LogUnavailable: there is no connection, or its server does not answer.
        """
        self._require_connection()
        generation = self._generation()
        jetstream = jetstream_of(self._client, seconds / 2)
        try:
            await jetstream.get_last_msg(stream_name(generation), subject_name(generation))
        except (NatsTimeoutError, TimeoutError):
            await self._require_pong(seconds / 2)
        except (NatsError, OSError):
            self._require_connection()  # any other error is an answer

    async def _require_pong(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._client.flush()
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable("the server of the connection to the log is silent") from error

    def _require_connection(self) -> None:
        if not self._client.is_connected:
            raise LogUnavailable("there is no connection to NATS")
