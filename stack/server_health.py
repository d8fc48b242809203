"""Decides which of a site's log servers are restarted although they run, and when; pure.

A NATS server whose disk was full has its JetStream off until it is restarted, space or no space.
**A server that is out stores nothing, so its restart takes nothing away**, whatever the others do.
A server that does not answer may still store, so it is restarted only while all others are well.
Two servers are never restarted at the same time: the next one waits until the last one is well, or
has had its time.

While the disk is full a restart does harm: the server may end at its start. So it waits for room.
Where that is not seen (a quota), or something else is wrong, the patience grows with each restart
of the last hour: an hour sees 22 restarts of a server at most, and five minutes and a half is the
longest pause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from shared.domain.ids import Instant

OUT_SECONDS: Final = 15.0
"""A server is out for so long before its first restart."""

SILENCE_SECONDS: Final = 60.0
SETTLING_SECONDS: Final = 30.0
"""A restarted server has so long to be well again before another one is restarted."""

WELL_SECONDS: Final = 60.0
"""A server that has been well for so long is mended; on a full disk it is well for a moment."""

MEMORY_SECONDS: Final = 3600.0
MOST_SECONDS: Final = 330.0
"""No patience grows beyond this."""


class ServerCondition(StrEnum):
    """What a running server answers.

    `OUT`: its JetStream is off, or a stream of it cannot be written. `BUSY`: it has no leader or
    catches up, which mends itself. `SILENT`: no answer came.
    """

    WELL = "well"
    BUSY = "busy"
    OUT = "out"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The *condition* of the server that runs as process *pid*; *cause* is in its own words."""

    pid: int
    condition: ServerCondition
    cause: str = ""
    has_room: bool = True


@dataclass(frozen=True, slots=True)
class RestartServer:
    """Restart the server of *node*; the first time in a row people are to know it."""

    node: str
    cause: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class DiskIsFull:
    """The server of *node* is restarted as soon as its disk has room; people are to know it."""

    node: str
    cause: str


@dataclass(frozen=True, slots=True)
class ServerMended:
    """The server of *node* was out, and has been well for a while."""

    node: str


ServerEffect = RestartServer | DiskIsFull | ServerMended


@dataclass(slots=True)
class _Watched:
    """One server: since when it has been in its condition, and its restarts of the last hour."""

    pid: int = 0
    condition: ServerCondition = ServerCondition.WELL
    cause: str = ""
    has_room: bool = True
    since: Instant = Instant(0.0)
    restarts: list[Instant] = field(default_factory=list[Instant])
    is_reported: bool = False

    def record(self, answer: ServerAnswer, now: Instant) -> None:
        """Learn an answer; a new process begins anew."""
        if answer.pid != self.pid:
            self.pid, self.since = answer.pid, now
        elif answer.condition is not self.condition:
            self.since = now
        self.condition, self.cause = answer.condition, answer.cause
        self.has_room = answer.has_room
        self.restarts = [at for at in self.restarts if now - at < MEMORY_SECONDS]

    def is_settling(self, now: Instant) -> bool:
        """Say whether it was restarted a moment ago and is not well yet."""
        is_recent = bool(self.restarts) and now - self.restarts[-1] < SETTLING_SECONDS
        return is_recent and self.condition is not ServerCondition.WELL

    def is_mended(self, now: Instant) -> bool:
        is_well = self.condition is ServerCondition.WELL
        return self.is_reported and is_well and now - self.since >= WELL_SECONDS

    @property
    def due_at(self) -> Instant:
        """When it is restarted if it stays as it is."""
        return Instant(self.since + self.patience_seconds())

    def patience_seconds(self) -> float:
        """Say how long it stays as it is before it is restarted."""
        first = OUT_SECONDS if self.condition is ServerCondition.OUT else SILENCE_SECONDS
        return min(first + OUT_SECONDS * len(self.restarts), MOST_SECONDS)


class ServerHealth:
    """The log's servers of one site, as their supervisor sees them."""

    def __init__(self) -> None:
        self._servers: dict[str, _Watched] = {}

    def record_round(
        self, answers: Mapping[str, ServerAnswer | None], now: Instant
    ) -> tuple[ServerEffect, ...]:
        """Learn how every server is at *now*, None where none runs; return what is to be done."""
        for node, answer in answers.items():
            if answer is not None:
                self._servers.setdefault(node, _Watched()).record(answer, now)
        running = {node: self._servers[node] for node, each in answers.items() if each is not None}
        mended = [node for node, server in running.items() if server.is_mended(now)]
        for node in mended:
            running[node].is_reported = False
        return (*map(ServerMended, mended), *self._choose(running, len(answers), now))

    def _choose(
        self, running: Mapping[str, _Watched], total: int, now: Instant
    ) -> tuple[RestartServer | DiskIsFull, ...]:
        """Choose the server that has been due for longest, if one may be restarted."""
        if any(server.is_settling(now) for server in running.values()):
            return ()
        well = [n for n, each in running.items() if each.condition is ServerCondition.WELL]
        restartable = {ServerCondition.OUT}
        if len(well) == total - 1:
            restartable.add(ServerCondition.SILENT)
        due = sorted(
            (server.due_at, node)
            for node, server in running.items()
            if server.condition in restartable and server.due_at <= now
        )
        return tuple(islice(filter(None, (self._decide(node, now) for _, node in due)), 1))

    def _decide(self, node: str, now: Instant) -> RestartServer | DiskIsFull | None:
        """Restart a server that is due, if its disk has room; what is known is not said again."""
        server = self._servers[node]
        is_first, server.is_reported = not server.is_reported, True
        if server.has_room:
            server.restarts.append(now)
            return RestartServer(node, server.cause, is_first)
        return DiskIsFull(node, server.cause) if is_first else None
