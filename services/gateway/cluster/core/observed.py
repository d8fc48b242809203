"""Keeps the last heartbeats and progress of every node, and decides what they mean."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.documents.site import Timing
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness, liveness_after
from shared.domain.log_server import LogServerState
from shared.domain.node import MasterRole
from shared.domain.primary import PrimaryClaim, apparent_primary
from shared.events.node import NodeHeartbeat
from shared.events.replication import FollowerProgressed


@dataclass(frozen=True, slots=True)
class ReceivedHeartbeat:
    """A heartbeat and when it arrived."""

    heartbeat: NodeHeartbeat
    at: Instant


class Observed:
    """The last heartbeat of every service of a node, and the last progress of every follower."""

    def __init__(self) -> None:
        self._heartbeats: dict[tuple[NodeId, str], ReceivedHeartbeat] = {}
        self._progress: dict[NodeId, tuple[FollowerProgressed, Instant]] = {}

    def record_heartbeat(self, event: NodeHeartbeat, now: Instant) -> None:
        self._heartbeats[event.node, event.service] = ReceivedHeartbeat(event, now)

    def record_progress(self, event: FollowerProgressed, now: Instant) -> None:
        self._progress[event.node] = event, now

    def last_heartbeat(self, node: NodeId, service: str) -> ReceivedHeartbeat | None:
        return self._heartbeats.get((node, service))

    def freshest_heartbeat(self, node: NodeId) -> ReceivedHeartbeat | None:
        """Return the last heartbeat of *node*, whichever of its services sent it."""
        of_node = (heard for (name, _), heard in self._heartbeats.items() if name == node)
        return max(of_node, key=lambda heard: heard.at, default=None)

    def progress(self, node: NodeId) -> FollowerProgressed | None:
        heard = self._progress.get(node)
        return None if heard is None else heard[0]

    def received_progress(self, node: NodeId) -> tuple[FollowerProgressed, Instant] | None:
        """Return the node's last progress, and when it arrived."""
        return self._progress.get(node)

    def liveness(self, node: NodeId, timing: Timing, now: Instant) -> Liveness | None:
        """Return the liveness of *node* by its freshest heartbeat; None when it never sent one."""
        last = self.freshest_heartbeat(node)
        if last is None:
            return None
        return liveness_after(
            now - last.at,
            suspect_after_seconds=timing.suspect_after_seconds,
            dead_after_seconds=timing.dead_after_seconds,
        )

    def log_servers(
        self, masters: Iterable[NodeId], timing: Timing, now: Instant
    ) -> dict[NodeId, LogServerState]:
        """Return the log servers' states by the first of *masters* that is alive and knows them."""
        for node in masters:
            heard = self.last_heartbeat(node, "failover_monitor")
            if heard is None or not heard.heartbeat.log_servers:
                continue
            if self.liveness(node, timing, now) is Liveness.ALIVE:
                return heard.heartbeat.log_servers
        return {}

    def primary(self, nodes: Iterable[NodeId], timing: Timing, now: Instant) -> PrimaryClaim | None:
        """Find out which of *nodes* seems to be primary; None when none says so.

        The claim of a dead node does not count.
        """
        claims: list[PrimaryClaim] = []
        for node in nodes:
            heard = self.last_heartbeat(node, "failover_monitor")
            if heard is None or self.liveness(node, timing, now) is Liveness.DEAD:
                continue
            if heard.heartbeat.role is MasterRole.PRIMARY:
                claims.append(PrimaryClaim(node, heard.heartbeat.epoch))
        return apparent_primary(claims)
