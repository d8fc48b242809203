"""Moves the leaders of JetStream to the servers where they belong, while this master is primary.

The leaders of streams are found and moved over the site's own account. Only the system account
knows the leader of JetStream itself, and may move it.
"""

import asyncio
import json
import logging
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ClusterInfo
from nats.js.errors import NotFoundError

from services.failover_monitor.core.leaders import META, RaftGroup, plan_moves
from shared.clusterlog.names import stream_name
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.domain.ids import LogGeneration
from shared.messaging.connection import jetstream_of
from shared.messaging.jetstream import META_LEADER_STEP_DOWN, leader_step_down_subject
from shared.messaging.streams import EVENTS, LEASE, SESSIONS

CALL_SECONDS: Final = 1.0
SERVERS_QUESTION: Final = "$SYS.REQ.SERVER.PING.JSZ"


class LeaderPlacement:
    """Knows where the leaders are, and moves them to the witness."""

    def __init__(self, site: Client, system: Client, own: str, witness: str) -> None:
        self._site = site
        self._system = system
        self._own = own
        self._witness = witness
        self._log = logging.getLogger("meridian.leaders")
        self._leaders: dict[str, str] = {}

    def leaders(self) -> dict[str, str]:
        """Return the server that leads each group, as of the last round."""
        return self._leaders

    async def place(self, generation: LogGeneration) -> None:
        """Move every leader that is on the wrong server."""
        streams = (stream_name(generation), LEASE, SESSIONS, EVENTS)
        answers = await asyncio.gather(self._meta(), *(self._stream(name) for name in streams))
        groups = [group for group in answers if group is not None]
        self._leaders = {group.name: group.leader or "" for group in groups}
        for move in plan_moves(groups, self._own, self._witness):
            await self._step_down(move.group, move.preferred)

    async def _stream(self, name: str) -> RaftGroup | None:
        if not self._site.is_connected:
            return None
        try:
            info = await jetstream_of(self._site, CALL_SECONDS).stream_info(name)
        except NotFoundError:
            return None
        except (NatsError, OSError, TimeoutError) as error:
            self._log.debug("the leader of %s is not known: %s", name, error)
            return None
        return _group(name, info.cluster)

    async def _meta(self) -> RaftGroup | None:
        if not self._system.is_connected:
            return None
        question = json.dumps({"leader_only": True}).encode()
        try:
            answer = await self._system.request(SERVERS_QUESTION, question, timeout=CALL_SECONDS)
            return _meta_group(decode_object(answer.data, "answer"))
        except (NatsError, OSError, TimeoutError, Undecodable) as error:
            self._log.debug("the leader of JetStream is not known: %s", error)
            return None

    async def _step_down(self, group: str, preferred: str) -> None:
        client = self._system if group == META else self._site
        subject = META_LEADER_STEP_DOWN if group == META else leader_step_down_subject(group)
        order = json.dumps({"placement": {"preferred": preferred}}).encode()
        try:
            answer = await client.request(subject, order, timeout=CALL_SECONDS)
        except (NatsError, OSError, TimeoutError) as error:
            self._log.debug("the leader of %s did not step down: %s", group, error)
        else:
            self._log.info("leader of %s to %s: %s", group, preferred, _result(answer.data))


def _group(name: str, cluster: ClusterInfo | None) -> RaftGroup | None:
    if cluster is None:
        return None
    current = {peer.name for peer in cluster.replicas or () if peer.current and not peer.offline}
    return RaftGroup(name, cluster.leader, frozenset(str(peer) for peer in current))


def _meta_group(answer: Fields) -> RaftGroup | None:
    if "data" not in answer or "meta_cluster" not in answer.object("data"):
        return None
    meta = answer.object("data").object("meta_cluster")
    if "leader" not in meta or not meta.text("leader"):
        return None
    peers = meta.objects("replicas") if "replicas" in meta else ()
    current = (peer for peer in peers if is_current(peer))
    return RaftGroup(META, meta.text("leader"), frozenset(peer.text("name") for peer in current))


def is_current(peer: Fields) -> bool:
    """Say whether a *peer*, as its group's leader names it, is there and keeps up."""
    is_offline = "offline" in peer and peer.boolean("offline")
    return "current" in peer and peer.boolean("current") and not is_offline


def _result(data: bytes) -> str:
    try:
        answer = decode_object(data, "answer")
        return answer.object("error").text("description") if "error" in answer else "done"
    except Undecodable:
        return "the answer cannot be read"
