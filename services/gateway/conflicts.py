"""What the masters keep as conflicts: listed, put into a backup, and brought back from one.

A backup holds the open ones alone; what was resolved is in the site's documents or given up. One
that comes back is open again on the master that kept it, or, where the site has no such master any
more, on one that answers. It is left alone where a master keeps it already, whatever became of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from services.gateway.core.contents import OpenConflict, conflict_frame
from shared.api.conflicts import ConflictList
from shared.domain.conflict import ConflictLine
from shared.domain.errors import BackupTooNew, Unavailable
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.events.conflict import ConflictsRead, KeepConflict, ReadConflictEntries, ReadConflicts
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

READ_SECONDS: Final = 4.0
KEEP_SECONDS: Final = 10.0
TOLD: Final = frozenset({"id", "at_unix_ms", "log_generation", "revision", "ancestor", "count"})
"""What a conflict is known by, wherever it is kept."""

LINES: Final = TypeAdapter(ConflictLine)


@dataclass(frozen=True)
class MastersConflicts:
    """The conflicts of every master of the site."""

    publisher: Asks
    directory: Directory

    async def listed(self) -> ConflictList:
        """What each master had alone, and what became of it."""
        masters = self._masters()
        answers = await asyncio.gather(*(self._of(node) for node in masters))
        found = [line for answer in answers if answer is not None for line in answer.conflicts]
        silent = [node for node, answer in zip(masters, answers, strict=True) if answer is None]
        return ConflictList(conflicts=tuple(found), silent=tuple(silent))

    async def frames(self, listed: ConflictList) -> AsyncGenerator[bytes]:
        """The open ones of *listed*, as they lie in a backup.

        Raises:
            Unavailable: a master that keeps one does not answer any more.
        """
        still_open = {line.id: line for line in listed.conflicts if not line.resolution}
        for line in still_open.values():
            told = _identity(line) | {"node": line.node}
            begin: int | None = 0
            while begin is not None:
                question = ReadConflictEntries(node=line.node, id=line.id, begin=begin)
                part = await self.publisher.ask(question, timeout_seconds=READ_SECONDS)
                yield conflict_frame(told, part.bundle)
                begin = part.next

    async def bring_back(
        self, conflicts: Iterable[OpenConflict], *, dry_run: bool
    ) -> list[ConflictLine]:
        """Have masters keep those of *conflicts* that none keeps; where each is, or would be.

        Raises:
            BackupTooNew: a later release told of one in another way.
            Unavailable: no master answers; what was kept until then stays.
        """
        given = [(_line(each), each) for each in conflicts]
        if not given:
            return []
        listed = await self.listed()
        there = {line.id for line in listed.conflicts}
        answering = [node for node in self._masters() if node not in listed.silent]
        if not answering:
            raise Unavailable("no master answers that could keep the backup's open conflicts")
        brought: list[ConflictLine] = []
        for line, each in given:
            if line.id not in there:
                node = line.node if line.node in answering else answering[0]
                if not dry_run:
                    await self._keep(node, line, each)
                brought.append(replace(line, node=node))
        return brought

    async def _keep(self, node: NodeId, line: ConflictLine, conflict: OpenConflict) -> None:
        told = _identity(line)
        for bundle in conflict.bundles:
            order = KeepConflict.model_validate({**told, "node": node, "bundle": bundle})
            await self.publisher.ask(order, timeout_seconds=KEEP_SECONDS)

    async def _of(self, node: NodeId) -> ConflictsRead | None:
        question = ReadConflicts(node=node)
        try:
            answer = await self.publisher.ask(question, timeout_seconds=READ_SECONDS)
        except Unavailable:
            return None
        return answer

    def _masters(self) -> list[NodeId]:
        nodes = self.directory.nodes.items()
        return sorted(node for node, each in nodes if each.role is NodeRole.MASTER)


def _identity(line: ConflictLine) -> dict[str, Any]:
    """What *line* is known by."""
    return {name: value for name, value in asdict(line).items() if name in TOLD}


def _line(conflict: OpenConflict) -> ConflictLine:
    try:
        return LINES.validate_python(conflict.line)
    except ValidationError as error:
        raise BackupTooNew(f"this release cannot read a conflict of the backup: {error}") from error
