"""Asks every server of the log how much storage it has left, and reports when it becomes little.

Only the system account may ask; a site whose monitor has no such account gets no report.
"""

import contextlib
import logging
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry, Gauge

from services.failover_monitor.core.storage import ServerStorage, StorageWatch
from services.failover_monitor.log_servers.leaders import SERVERS_QUESTION
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.ids import NodeId
from shared.events.replication import LogSpaceChanged
from shared.messaging.ports import Emits

ANSWER_SECONDS: Final = 1.0
"""When this much time has passed after the last answer, no other server answers."""


class StorageMonitor:
    """The storage that the log's servers have left, as the primary sees it."""

    def __init__(self, system: Client, events: Emits, registry: CollectorRegistry) -> None:
        self._system = system
        self._events = events
        self._watch = StorageWatch()
        self._log = logging.getLogger("meridian.space")
        self._share = Gauge(
            "meridian_log_server_storage_ratio",
            "Used share of the storage limit of a log server, from 0 to 1; only on the primary",
            ["server"],
            registry=registry,
        )

    async def check(self) -> None:
        """Ask every server, and report what has changed."""
        try:
            servers = await self._ask_servers()
        except (NatsError, OSError) as error:
            self._log.debug("the storage of the log servers is not known: %s", error)
            return
        for storage in servers:
            self._share.labels(storage.server).set(storage.used_share)
        for storage in self._watch.find_changes(servers):
            self._report(storage)

    def reset(self) -> None:
        """Forget everything: this master is not the primary, and another one reports."""
        self._watch = StorageWatch()
        self._share.clear()

    def _report(self, storage: ServerStorage) -> None:
        is_low = self._watch.is_low(storage.server)
        if is_low:
            share = storage.used_share * 100
            self._log.warning("%s uses %.0f %% of its storage", storage.server, share)
        self._events.emit(
            LogSpaceChanged(
                node=NodeId(storage.server),
                is_low=is_low,
                used_bytes=storage.used_bytes,
                limit_bytes=storage.limit_bytes,
            )
        )

    async def _ask_servers(self) -> list[ServerStorage]:
        """Collect the answers of the servers, in order of their names.

        Raises:
            nats.errors.Error: there is no connection.
        """
        client = self._system
        if not client.is_connected:
            return []
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
        servers: list[ServerStorage] = []
        try:
            await client.publish(SERVERS_QUESTION, b"{}", reply=inbox)
            with contextlib.suppress(TimeoutError):
                while True:
                    servers += _read_storage(await answers.next_msg(timeout=ANSWER_SECONDS))
        finally:
            with contextlib.suppress(NatsError):
                await answers.unsubscribe()
        return sorted(servers, key=lambda storage: storage.server)


def _read_storage(answer: Msg) -> list[ServerStorage]:
    """Read the storage from one server's answer; empty for a server without streams."""
    try:
        fields = decode_object(answer.data, "answer")
        data, server = fields.object("data"), fields.object("server").text("name")
        limit = data.object("config").integer("max_storage", least=1)
        return [ServerStorage(server, data.integer("storage"), limit)]
    except Undecodable:
        return []
