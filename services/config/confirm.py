"""Waiting for the backup: who has a change before it is acknowledged.

A follower's word counts when it is signed by that master's own key and its position is on our
history. One that is silent for the site's `sync_timeout_seconds` is detached: the log says so
before any answer relies on it.
"""

import asyncio
from dataclasses import dataclass, field

from services.config.replica import Replica
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import NodeId, Revision
from shared.events.replication import FollowerProgressed, FollowerState


@dataclass
class Backups:
    """The positions of the other masters, as they proved them, and what the own follower says."""

    node: NodeId
    trust: TrustStore
    replica: Replica
    follower: FollowerState | None = None
    _positions: dict[NodeId, FollowerProgressed] = field(
        default_factory=dict[NodeId, FollowerProgressed]
    )
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def progressed(self, event: FollowerProgressed) -> None:
        """Keep a master's proven position."""
        if event.node not in self.trust.masters or not self._proven(event):
            return
        if event.node == self.node:
            self.follower = event.state
            return
        async with self._moved:
            self._positions[event.node] = event
            self._moved.notify_all()

    async def has(self, revision: Revision, seconds: float) -> NodeId | None:
        """The backup that has *revision* of our history, or None after *seconds*."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.at(revision) is not None)
        except TimeoutError:
            return None
        return self.at(revision)

    def at(self, revision: Revision) -> NodeId | None:
        """A backup that is at *revision* or beyond, on our history."""
        for node, event in self._positions.items():
            if event.revision >= revision and self.replica.knows(event.revision, event.hash):
                return node
        return None

    def _proven(self, event: FollowerProgressed) -> bool:
        return self.trust.verify_hex(event.node, event.signature, event.progress_bytes())
