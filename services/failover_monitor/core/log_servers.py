"""Decides how each of the log's servers is, from the rounds in which all of them are asked.

A server that does not answer may be busy, and one that does not keep up may have to elect a leader
first, which takes up to 8 s. So either counts once it has lasted for a while. A server that says
itself that its JetStream is off is believed at once, because it does not come back by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant, NodeId
from shared.domain.log_server import LogServerState

PATIENCE_SECONDS: Final = 10.0
"""After so long without a good answer a server is silent, or behind."""


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The answer of *server*; *is_storing* says whether its JetStream is on.

    The leader of JetStream also says which of the others are *behind* it. A server *is_alone* that
    belongs to no cluster.
    """

    server: NodeId
    is_storing: bool = True
    is_alone: bool = False
    behind: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class ServerChange:
    """The state of *server* is another one than was last reported."""

    server: NodeId
    state: LogServerState
    previous: LogServerState


class LogServers:
    """The states of the log's servers, as one master sees them."""

    def __init__(
        self, expected: Iterable[NodeId], patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Watch the servers *expected*: those of the masters and the witness."""
        self.expected: Final = frozenset(expected)
        self._patience = patience_seconds
        self._states: dict[NodeId, LogServerState] = {}
        self._well_at: dict[NodeId, Instant] = {}
        self._reported: dict[NodeId, LogServerState] = {}

    @property
    def states(self) -> dict[NodeId, LogServerState]:
        """Return the state of each server; empty before the first round."""
        return dict(self._states)

    def record_round(self, answers: Iterable[ServerAnswer], now: Instant) -> None:
        """Learn the *answers* of one round in which every server was asked, until *now*."""
        given = {answer.server: answer for answer in answers}
        if not given:
            self._well_at.clear()  # this master reaches no server: it knows nothing of them
            return
        alone = {server for server, answer in given.items() if answer.is_alone}
        behind = {name for answer in given.values() for name in answer.behind}
        expected = alone or self.expected | given.keys()
        for server in expected:
            if server not in self._well_at or (server in given and server not in behind):
                self._well_at[server] = now
        self._states = {
            server: self._judge(server, given.get(server), now) for server in sorted(expected)
        }

    def find_changes(self) -> tuple[ServerChange, ...]:
        """Return what has changed since this was last called; at first only what is wrong."""
        working = LogServerState.WORKING
        changes = tuple(
            ServerChange(server, state, previous)
            for server, state in self._states.items()
            if state is not (previous := self._reported.get(server, working))
        )
        self._reported = dict(self._states)
        return changes

    def forget_reports(self) -> None:
        """Let `find_changes` begin anew: another master reports meanwhile."""
        self._reported = {}

    def _judge(self, server: NodeId, answer: ServerAnswer | None, now: Instant) -> LogServerState:
        if answer is not None and not answer.is_storing:
            return LogServerState.JETSTREAM_OFF
        missing_seconds = now - self._well_at[server]
        if missing_seconds >= self._patience:
            return LogServerState.SILENT if answer is None else LogServerState.BEHIND
        if missing_seconds > 0:
            return self._states.get(server, LogServerState.WORKING)
        return LogServerState.WORKING
