"""Shows a conflict with its changes and carries out what an operator decided about it."""

from dataclasses import dataclass

from services.gateway.access.audit_log import AuditLog
from services.gateway.access.passwords import Passwords
from services.gateway.configuration.proposals import Proposals
from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.conflicts.conflicts import READ_SECONDS, MastersConflicts
from services.gateway.conflicts.core import changes_to_apply, find_conflict, without_secrets
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.errors import NotFound
from shared.domain.ids import RequestId, Revision
from shared.events.conflict import ReadConflict, ResolveConflict
from shared.messaging.ports import Asks


@dataclass(frozen=True)
class Resolution:
    """Finds conflicts, and puts their documents into the site again or gives them up."""

    conflicts: MastersConflicts
    reader: ConfigurationReader
    proposals: Proposals
    passwords: Passwords
    audit: AuditLog
    publisher: Asks

    async def show(self, id_: str) -> tuple[ConflictLine, list[ConflictChange]]:
        """Show the conflict *id_* and the last change of each document in it, secrets left out.

        Raises:
            NotFound: no master that answers keeps it.
        """
        line = await self._find(id_)
        return line, [without_secrets(each) for each in await self._changes(line)]

    async def resolve(
        self, id_: str, author: str, *, apply: bool
    ) -> tuple[ConflictLine, Revision | None]:
        """Put the documents of *id_* into the site as a new change (*apply*), or give them up.

        Returns the conflict as it is then, and the revision at which its documents are in the log.

        Raises:
            NotFound: no master that answers keeps it.
            MeridianError: the change was refused, or the master did not answer.
        """
        line = await self._find(id_)
        operation = f"conflict {id_}: {'apply' if apply else 'discard'}"
        with self.audit.record(operation, author, [line.node]):
            revision = None
            if apply and not line.resolution:
                revision = await self._apply(line, author)
            resolution = "applied" if apply else "discarded"
            order = ResolveConflict(node=line.node, id=id_, resolution=resolution, author=author)
            answer = await self.publisher.ask(order, timeout_seconds=READ_SECONDS)
        return answer.line, revision

    async def _find(self, id_: str) -> ConflictLine:
        listed = await self.conflicts.list_all()
        line = find_conflict(listed.conflicts, id_)
        if line is not None:
            return line
        silent = f"; {', '.join(listed.silent)} did not answer" if listed.silent else ""
        raise NotFound(f"no master keeps a conflict {id_!r}{silent}; see `meridian conflicts list`")

    async def _changes(self, line: ConflictLine) -> list[ConflictChange]:
        changes: list[ConflictChange] = []
        begin: int | None = 0
        while begin is not None:
            question = ReadConflict(node=line.node, id=line.id, begin=begin)
            part = await self.publisher.ask(question, timeout_seconds=READ_SECONDS)
            changes += part.changes
            begin = part.next
        return changes

    async def _apply(self, line: ConflictLine, author: str) -> Revision:
        state = await self.reader.read()
        there = {(each.kind, each.id): each.body for each in state.documents}
        changes = changes_to_apply(await self._changes(line), there, self.passwords.can_open)
        if not changes:
            return state.revision
        request = RequestId(f"conflict-{line.id}")
        return (await self.proposals.propose(request, author, changes)).revision
