"""The sessions' stream in memory, with its compare-and-set and its watch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from services.gateway.sessions.store import Kept
from shared.domain.errors import NotFound
from shared.domain.ids import Sequence, SessionId
from shared.events.session import PathReported, SessionState


@dataclass
class MemorySessions:
    """Each session's last state, and the sequence that the next write must name."""

    kept: dict[SessionId, Kept] = field(default_factory=dict[SessionId, Kept])
    writes: int = 0
    facts: list[PathReported] = field(default_factory=list[PathReported])
    _watches: list["asyncio.Queue[Kept]"] = field(default_factory=list["asyncio.Queue[Kept]"])

    async def get(self, session: SessionId) -> Kept:
        assert SessionState.subject.address(session=session)
        if session not in self.kept:
            raise NotFound("there is no such session")
        return self.kept[session]

    async def create(self, state: SessionState) -> bool:
        if state.session in self.kept:
            return False
        self._put(state)
        return True

    async def change(
        self, session: SessionId, decide: Callable[[SessionState], Awaitable[SessionState]]
    ) -> SessionState:
        while True:
            before = await self.get(session)
            after = await decide(before.state)
            if after == before.state:
                return after
            if self.kept[session].sequence == before.sequence:
                self._put(after)
                return after

    async def path_facts(self, session: SessionId) -> list[PathReported]:
        return [each for each in self.facts if each.session == session]

    async def watch(self) -> AsyncIterator[Kept | None]:
        queue: asyncio.Queue[Kept] = asyncio.Queue()
        for kept in sorted(self.kept.values(), key=lambda each: each.sequence):
            queue.put_nowait(kept)
        self._watches.append(queue)
        try:
            yield None
            while True:
                yield await queue.get()
        finally:
            self._watches.remove(queue)

    def _put(self, state: SessionState) -> None:
        self.writes += 1
        kept = self.kept[state.session] = Kept(state, Sequence(self.writes))
        for queue in self._watches:
            queue.put_nowait(kept)
