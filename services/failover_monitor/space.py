"""Asks every server of the log how much room it has left, and says so in time.

The system account alone may ask; a site whose monitor has none is told nothing.
"""

import contextlib
import logging
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry, Gauge

from services.failover_monitor.core.space import Room, RoomWatch
from services.failover_monitor.leaders import SERVERS_QUESTION
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.ids import NodeId
from shared.events.replication import LogSpaceChanged
from shared.messaging.ports import Emits

ANSWER_SECONDS: Final = 1.0
"""So long after the last answer nobody else answers."""


class Space:
    """The room that the log's servers have left, as the primary sees it."""

    def __init__(self, system: Client, events: Emits, registry: CollectorRegistry) -> None:
        self._system = system
        self._events = events
        self._watch = RoomWatch()
        self._log = logging.getLogger("meridian.space")
        self._share = Gauge(
            "meridian_log_server_storage_ratio",
            "How much of its limit the streams of a log server take, from 0 to 1; of the primary",
            ["server"],
            registry=registry,
        )

    async def look(self) -> None:
        """Ask every server, and tell what is new."""
        try:
            rooms = await self._rooms()
        except (NatsError, OSError) as error:
            self._log.debug("the servers' room is not known: %s", error)
            return
        for room in rooms:
            self._share.labels(room.server).set(room.share)
        for room in self._watch.found(rooms):
            self._tell(room)

    def look_away(self) -> None:
        """This master is not the primary: another one looks, and tells."""
        self._watch = RoomWatch()
        self._share.clear()

    def _tell(self, room: Room) -> None:
        is_low = room.server in self._watch.low
        if is_low:
            self._log.warning("%s uses %.0f %% of its room", room.server, room.share * 100)
        self._events.emit(
            LogSpaceChanged(
                node=NodeId(room.server),
                is_low=is_low,
                used_bytes=room.used_bytes,
                limit_bytes=room.limit_bytes,
            )
        )

    async def _rooms(self) -> list[Room]:
        """What the servers say, in order of their names.

        Raises:
            nats.errors.Error: there is no connection.
        """
        client = self._system
        if not client.is_connected:
            return []
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
        found: list[Room] = []
        try:
            await client.publish(SERVERS_QUESTION, b"{}", reply=inbox)
            with contextlib.suppress(TimeoutError):
                while True:
                    found += _room(await answers.next_msg(timeout=ANSWER_SECONDS))
        finally:
            with contextlib.suppress(NatsError):
                await answers.unsubscribe()
        return sorted(found, key=lambda room: room.server)


def _room(answer: Msg) -> list[Room]:
    """The room that *answer* tells of; none when it is of a server without streams."""
    try:
        fields = decode_object(answer.data, "answer")
        data, server = fields.object("data"), fields.object("server").text("name")
        limit = data.object("config").integer("max_storage", least=1)
        return [Room(server, data.integer("storage"), limit)]
    except Undecodable:
        return []
