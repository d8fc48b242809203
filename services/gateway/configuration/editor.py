"""Turns changes that people write into proposals: one document, or a whole configuration.

Passwords come in clear or as argon2 hashes and leave this module sealed. One that is right
already is kept as it is, so that a second apply changes nothing.
"""

from asyncio import sleep
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from services.gateway.access.passwords import Passwords
from services.gateway.configuration.core import ApplyPart, Edit, Planned, check_parts, plan_changes
from services.gateway.configuration.proposals import (
    PROPOSE_PART_SECONDS,
    PROPOSE_SECONDS,
    Proposals,
)
from services.gateway.configuration.reader import ConfigurationReader
from shared.api.documents import ApplyRequest
from shared.documents import Kind, normalise_body
from shared.domain.document import Document, Ref
from shared.domain.errors import AlreadyExists, InvalidChange, MeridianError, RevisionConflict
from shared.domain.ids import Revision
from shared.events.config import ChangesAccepted, ProposedChange

BuildRequest = Callable[[Mapping[Ref, Document]], ApplyRequest]
"""Builds the wanted configuration from the present documents."""

SECRETS = ("password", "password_hash")


class Editor:
    """Turns what people write into proposals to the primary."""

    def __init__(
        self, reader: ConfigurationReader, proposals: Proposals, passwords: Passwords
    ) -> None:
        self._reader = reader
        self._proposals = proposals
        self._passwords = passwords

    async def put(self, ref: Ref, body: Mapping[str, Any], edit: Edit) -> ChangesAccepted:
        """Write one document.

        A user's document is read first: a body without a password keeps the present one.
        References to other documents are the primary's to check.
        """
        kind, id_ = Kind(ref.kind), ref.id
        there = (await self._current(kind, id_=id_)).get(ref) if kind is Kind.USER else None
        after = normalise_body(kind, id_, await self._sealed(kind, body, there))
        return await self._propose(ref, "put", after, edit)

    async def create(self, ref: Ref, body: Mapping[str, Any], edit: Edit) -> ChangesAccepted:
        """Write one document that does not exist yet.

        Raises:
            AlreadyExists: it is there.
        """
        try:
            return await self.put(ref, body, replace(edit, expected=Revision(0)))
        except RevisionConflict as error:
            raise AlreadyExists(
                f"there is a {ref.kind} {ref.id!r} already; PUT changes it",
                kind=ref.kind,
                id=ref.id,
            ) from error

    async def delete(self, ref: Ref, edit: Edit) -> ChangesAccepted:
        """Delete one document."""
        return await self._propose(ref, "delete", None, edit)

    async def apply(
        self, wanted: ApplyRequest | BuildRequest, edit: Edit
    ) -> tuple[tuple[Planned, ...], Revision | None]:
        """Make the configuration what *wanted* says; return the changes and their last revision.

        A *wanted* that depends on the present documents is built of those that the changes are
        planned against. Changes that are too large for one entry of the log go into several. The
        primary's rules check all of them before the first entry is written; a dry run checks them
        in the same way.

        Raises:
            InvalidChange: a document is named twice, or the primary would refuse a change.
            InUse: a document to delete is named by another.
            RevisionConflict: somebody changed a document meanwhile.
        """
        wanted, current, changes = await self._read_and_plan(wanted)
        parts = list[ApplyPart]()
        for part in check_parts(current, changes, edit):
            parts.append(part)
            await sleep(0)  # a site of ten thousand nodes takes a second: others are served between
        if wanted.dry_run:
            return changes, None
        return changes, await self._write(parts, edit.author)

    async def plan_changes(self, wanted: ApplyRequest | BuildRequest) -> tuple[Planned, ...]:
        """List the changes that *wanted* needs, whether or not the primary would accept them.

        Raises:
            InvalidChange: a document is named twice, or has another shape than its kind.
        """
        return (await self._read_and_plan(wanted))[2]

    async def _propose(
        self, ref: Ref, op: Literal["put", "delete"], body: dict[str, Any] | None, edit: Edit
    ) -> ChangesAccepted:
        change = ProposedChange(
            kind=ref.kind, id=ref.id, op=op, body=body, expected_revision=edit.expected
        )
        return await self._proposals.propose(edit.request_id, edit.author, [change])

    async def _read_and_plan(
        self, wanted: ApplyRequest | BuildRequest
    ) -> tuple[ApplyRequest, Mapping[Ref, Document], tuple[Planned, ...]]:
        current = await self._current()
        if not isinstance(wanted, ApplyRequest):
            wanted = wanted(current)
        bodies = await self._sealed_bodies(wanted, current)
        return wanted, current, plan_changes(current, bodies, prune=wanted.prune)

    async def _write(self, parts: Sequence[ApplyPart], author: str) -> Revision | None:
        """Make the changes of *parts*, one entry after the other; return the last revision."""
        revision, done = None, 0
        total = sum(len(part.changes) for part in parts)
        patience = PROPOSE_SECONDS if len(parts) == 1 else PROPOSE_PART_SECONDS
        for part in parts:
            try:
                accepted = await self._proposals.propose(
                    part.request_id, author, part.proposed, patience
                )
            except MeridianError as error:
                if revision is None:
                    raise
                raise _partial_failure(error, done, total, revision) from error
            revision, done = accepted.revision, done + len(part.changes)
        return revision

    async def _sealed_bodies(
        self, wanted: ApplyRequest, current: Mapping[Ref, Document]
    ) -> dict[Ref, Mapping[str, Any]]:
        bodies: dict[Ref, Mapping[str, Any]] = {}
        for document in wanted.documents:
            ref = Ref(document.kind, document.id)
            if ref in bodies:
                raise InvalidChange(f"{document.kind} {document.id!r} is named twice")
            bodies[ref] = await self._sealed(document.kind, document.body, current.get(ref))
        return bodies

    async def _current(self, *kinds: Kind, id_: str | None = None) -> dict[Ref, Document]:
        found = await self._reader.read(*kinds, id_=id_)
        return {document.ref: document for document in found.documents}

    async def _sealed(
        self, kind: Kind, body: Mapping[str, Any], there: Document | None
    ) -> dict[str, Any]:
        plain = {name: value for name, value in body.items() if name not in SECRETS}
        if kind is not Kind.USER:
            return dict(body)
        sealed = "" if there is None else str(there.body.get("password_hash", ""))
        if password := body.get("password"):
            if not await self._passwords.matches(sealed, str(password)):
                sealed = await self._passwords.seal(str(password))
        elif (digest := body.get("password_hash")) and not self._passwords.same_hash(
            sealed, str(digest)
        ):
            sealed = self._passwords.seal_hash(str(digest))
        return {**plain, "password_hash": sealed}


def _partial_failure(
    error: MeridianError, done: int, total: int, revision: Revision
) -> MeridianError:
    """Make the error of an apply of several entries that stopped in the middle: how far it got."""
    return type(error)(
        f"{error.message}; {done} of {total} changes were made before, up to revision {revision}, "
        "and every one of them whole: apply again to make the rest",
        **{**error.attributes, "changes_made": done, "changes": total, "revision": revision},
    )
