"""Identifies a process of the site for its heartbeats, its mark and its messages."""

from dataclasses import dataclass
from pathlib import Path

from shared.crypto.envelope import Identity
from shared.domain.ids import UnixMillis
from shared.domain.service import ServiceRestarts
from shared.runtime.marks import read_restarts


@dataclass(frozen=True, slots=True)
class Process:
    """One run of one service on one node; *state_dir* is the node's folder."""

    identity: Identity
    version: str
    started_unix_ms: UnixMillis
    state_dir: Path

    def read_restarts(self, now: UnixMillis) -> tuple[ServiceRestarts, ...]:
        """The services of this node that have ended uncleanly since they last ended cleanly."""
        return read_restarts(self.state_dir, now)
