"""Lists the conflicts that the masters keep, exports them to a backup, and restores them from one.

A backup holds open conflicts only; what was resolved is in the site's documents or given up. A
restored conflict is open again on the master that kept it, or, where the site has no such master
any more, on one that answers. A conflict that a master keeps already is left alone, resolved or
not.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from services.gateway.core.open_conflict import OpenConflict
from shared.api.conflicts import ConflictList
from shared.domain.conflict import ConflictLine
from shared.domain.errors import BackupTooNew, Unavailable
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.events.conflict import ConflictsRead, KeepConflict, ReadConflictEntries, ReadConflicts
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

LINES: Final = TypeAdapter(ConflictLine)

READ_SECONDS: Final = 4.0
KEEP_SECONDS: Final = 10.0
IDENTITY: Final = frozenset({"id", "at_unix_ms", "log_generation", "revision", "ancestor", "count"})
"""The fields that identify a conflict, on whichever master it is kept."""


@dataclass(frozen=True, slots=True)
class ConflictPart:
    """Some entries of an open conflict, as a bundle; *identity* says which conflict it is."""

    identity: dict[str, Any]
    bundle: str


@dataclass(frozen=True)
class MastersConflicts:
    """The conflicts of every master of the site."""

    publisher: Asks
    directory: Directory

    async def list_all(self) -> ConflictList:
        """List what each master had alone, and what became of it."""
        masters = self._masters()
        answers = await asyncio.gather(*(self._of(node) for node in masters))
        found = [line for answer in answers if answer is not None for line in answer.conflicts]
        silent = [node for node, answer in zip(masters, answers, strict=True) if answer is None]
        return ConflictList(conflicts=tuple(found), silent=tuple(silent))

    async def export(self, conflicts: Iterable[ConflictLine]) -> AsyncGenerator[ConflictPart]:
        """Read the entries of the open ones of *conflicts*, part by part.

        Raises:
            Unavailable: a master that keeps one does not answer any more.
        """
        still_open = {line.id: line for line in conflicts if not line.resolution}
        for line in still_open.values():
            identity = _identity(line) | {"node": line.node}
            begin: int | None = 0
            while begin is not None:
                question = ReadConflictEntries(node=line.node, id=line.id, begin=begin)
                part = await self.publisher.ask(question, timeout_seconds=READ_SECONDS)
                yield ConflictPart(identity, part.bundle)
                begin = part.next

    async def restore(
        self, conflicts: Iterable[OpenConflict], *, dry_run: bool
    ) -> list[ConflictLine]:
        """Have masters keep those of *conflicts* that none keeps; return where each is or would be.

        Raises:
            BackupTooNew: a later release wrote one in another form.
            Unavailable: no master answers; what was kept until then stays.
        """
        given = [(_line(each), each) for each in conflicts]
        if not given:
            return []
        listed = await self.list_all()
        there = {line.id for line in listed.conflicts}
        answering = [node for node in self._masters() if node not in listed.silent]
        if not answering:
            raise Unavailable("no master answers that could keep the backup's open conflicts")
        restored: list[ConflictLine] = []
        for line, each in given:
            if line.id not in there:
                node = line.node if line.node in answering else answering[0]
                if not dry_run:
                    await self._keep(node, line, each)
                restored.append(replace(line, node=node))
        return restored

    async def _keep(self, node: NodeId, line: ConflictLine, conflict: OpenConflict) -> None:
        identity = _identity(line)
        for bundle in conflict.bundles:
            order = KeepConflict.model_validate({**identity, "node": node, "bundle": bundle})
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
    return {name: value for name, value in asdict(line).items() if name in IDENTITY}


def _line(conflict: OpenConflict) -> ConflictLine:
    try:
        return LINES.validate_python(conflict.line)
    except ValidationError as error:
        raise BackupTooNew(f"this release cannot read a conflict of the backup: {error}") from error
