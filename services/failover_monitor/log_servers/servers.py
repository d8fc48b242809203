"""Asks every server of the log whether it stores, and how much room it has left.

Only the system account may ask; a site whose monitor has no such account gets no report.
"""

import contextlib
import logging
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry, Gauge

from services.failover_monitor.core.log_servers import LogServers, ServerAnswer
from services.failover_monitor.core.storage import ServerStorage, StorageWatch
from services.failover_monitor.log_servers.leaders import SERVERS_QUESTION, is_current
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.domain.ids import NodeId
from shared.domain.log_server import FAULTS, LogQuorum, LogServerState
from shared.events.replication import LogServerChanged, LogSpaceChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock

ANSWER_SECONDS: Final = 1.0
"""When this much time has passed after the last answer, no other server answers."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """The answer of one server; *storage* is None when it stores nothing or has no limit."""

    answer: ServerAnswer
    storage: ServerStorage | None


class LogServerMonitor:
    """The log's servers, as this master sees them."""

    def __init__(
        self,
        system: Client,
        servers: LogServers,
        events: Emits,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._system = system
        self._servers = servers
        self._clock = clock
        self._events = events
        self._storage = StorageWatch()
        self._log = logging.getLogger("meridian.log_servers")
        self._share = Gauge(
            "meridian_log_server_storage_ratio",
            "Used share of the storage limit of a log server, from 0 to 1; only on the primary",
            ["server"],
            registry=registry,
        )
        self._is_out = Gauge(
            "meridian_log_server_out",
            "1 while a log server does not take part, as this master sees it",
            ["server"],
            registry=registry,
        )

    async def check(self, *, is_primary: bool) -> None:
        """Ask every server; the primary reports what has changed."""
        try:
            reports = await self._ask_servers()
        except (NatsError, OSError) as error:
            self._log.debug("the state of the log servers is not known: %s", error)
            return
        self._servers.record_round((report.answer for report in reports), self._clock.now())
        for server, state in self._servers.states.items():
            self._is_out.labels(server).set(state is not LogServerState.WORKING)
        if is_primary:
            self._report_states()
            self._report_storage([each.storage for each in reports if each.storage is not None])
        else:
            self._stop_reporting()

    def _stop_reporting(self) -> None:
        """Forget what was reported: this master is not the primary, and another one reports."""
        self._servers.forget_reports()
        self._storage = StorageWatch()
        self._share.clear()

    def _report_states(self) -> None:
        survival = LogQuorum(self._servers.states).describe()
        for change in self._servers.find_changes():
            cause = FAULTS.get(change.state, "its log server works again")
            self._log.warning("%s: %s; %s", change.server, cause, survival)
            self._events.emit(
                LogServerChanged(
                    node=change.server,
                    state=change.state,
                    previous=change.previous,
                    cause=cause,
                    survival=survival,
                )
            )

    def _report_storage(self, servers: list[ServerStorage]) -> None:
        for storage in servers:
            self._share.labels(storage.server).set(storage.used_share)
        for storage in self._storage.find_changes(servers):
            is_low = self._storage.is_low(storage.server)
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

    async def _ask_servers(self) -> list[ServerReport]:
        """Collect the answers of the servers, in order of their names.

        Raises:
            nats.errors.Error: there is no connection.
        """
        client = self._system
        if not client.is_connected:
            return []
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
        reports: dict[NodeId, ServerReport] = {}
        try:
            await client.publish(SERVERS_QUESTION, b"{}", reply=inbox)
            with contextlib.suppress(TimeoutError):
                while not self._servers.expected <= reports.keys():
                    for report in _read_report(await answers.next_msg(timeout=ANSWER_SECONDS)):
                        reports[report.answer.server] = report
        finally:
            with contextlib.suppress(NatsError):
                await answers.unsubscribe()
        return [report for _, report in sorted(reports.items())]


def _read_report(answer: Msg) -> list[ServerReport]:
    """Read one server's answer; empty when it makes no sense."""
    try:
        fields = decode_object(answer.data, "answer")
        data, server = fields.object("data"), NodeId(fields.object("server").text("name"))
        is_storing = not ("disabled" in data and data.boolean("disabled"))
        meta = data.object("meta_cluster") if "meta_cluster" in data else None
        behind = frozenset[NodeId]() if meta is None else _behind(meta, server)
        is_alone = is_storing and meta is None
        known = ServerAnswer(server, is_storing, is_alone, behind)
        return [ServerReport(known, _read_storage(server, data) if is_storing else None)]
    except Undecodable:
        return []


def _behind(meta: Fields, server: NodeId) -> frozenset[NodeId]:
    """Read who does not keep up; only the leader knows, and a former one still has a list."""
    is_leader = "leader" in meta and meta.text("leader") == server
    peers = meta.objects("replicas") if is_leader and "replicas" in meta else ()
    return frozenset(NodeId(peer.text("name")) for peer in peers if not is_current(peer))


def _read_storage(server: str, data: Fields) -> ServerStorage | None:
    try:
        limit = data.object("config").integer("max_storage", least=1)
        return ServerStorage(server, data.integer("storage"), limit)
    except Undecodable:  # it has no limit
        return None
