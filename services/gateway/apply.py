"""Changing documents through the front door: one by one, or a whole configuration at once.

Passwords come in clear or as argon2 hashes and leave this module sealed. One that is right
already is kept as it is, so that a second apply changes nothing.
"""

from asyncio import sleep
from collections.abc import Mapping, Sequence
from typing import Any

from services.gateway.core.plan import (
    Part,
    Planned,
    accepted_parts,
    normalised,
    plan,
)
from services.gateway.passwords import Passwords
from services.gateway.proposals import (
    LONG_PATIENCE_SECONDS,
    PATIENCE_SECONDS,
    Configuration,
)
from shared.api.documents import ApplyRequest
from shared.documents import Kind
from shared.domain.document import Document, Ref
from shared.domain.errors import AlreadyExists, InvalidChange, MeridianError, RevisionConflict
from shared.domain.ids import RequestId, Revision
from shared.events.config import ChangesAccepted, ProposedChange

SECRETS = ("password", "password_hash")


class Editor:
    """Turns what people write into proposals."""

    def __init__(self, configuration: Configuration, passwords: Passwords) -> None:
        self._configuration = configuration
        self._passwords = passwords

    async def put(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        expected: Revision | None,
        request: tuple[RequestId, str],
    ) -> ChangesAccepted:
        """Write one document; *request* is the request's id and its author."""
        kind, id_ = Kind(ref.kind), ref.id
        there = (await self._current()).get(ref) if kind is Kind.USER else None
        after = normalised(kind, id_, await self._sealed(kind, body, there))
        change = ProposedChange(kind=kind, id=id_, op="put", body=after, expected_revision=expected)
        return await self._configuration.propose(request[0], request[1], [change])

    async def create(
        self, ref: Ref, body: Mapping[str, Any], request: tuple[RequestId, str]
    ) -> ChangesAccepted:
        """Write one document that is not there yet.

        Raises:
            AlreadyExists: it is there.
        """
        try:
            return await self.put(ref, body, Revision(0), request)
        except RevisionConflict as error:
            raise AlreadyExists(
                f"there is a {ref.kind} {ref.id!r} already; PUT changes it",
                kind=ref.kind,
                id=ref.id,
            ) from error

    async def delete(
        self, ref: Ref, expected: Revision | None, request: tuple[RequestId, str]
    ) -> ChangesAccepted:
        """Delete one document."""
        change = ProposedChange(kind=ref.kind, id=ref.id, op="delete", expected_revision=expected)
        return await self._configuration.propose(request[0], request[1], [change])

    async def apply(
        self, wanted: ApplyRequest, request: tuple[RequestId, str]
    ) -> tuple[tuple[Planned, ...], Revision | None]:
        """Make the configuration what *wanted* says; the changes, and the revision they ended at.

        What is too large for one entry of the log is cut into several. All of it is judged by the
        primary's rules before the first one is written, and in the same way when nothing will be.

        Raises:
            InvalidChange: a document is named twice, or the primary would refuse a change.
            InUse: a document to delete is named by another.
            RevisionConflict: somebody changed a document meanwhile.
        """
        current, changes = await self._planned(wanted)
        parts = list[Part]()
        for part in accepted_parts(current, changes, request[1], request[0]):
            parts.append(part)
            await sleep(0)  # a site of ten thousand nodes takes a second: others are served between
        if wanted.dry_run:
            return changes, None
        return changes, await self._write(parts, request[1])

    async def difference(self, wanted: ApplyRequest) -> tuple[Planned, ...]:
        """What *wanted* differs in from what is there, whether or not it could be written.

        Raises:
            InvalidChange: a document is named twice, or has another shape than its kind.
        """
        return (await self._planned(wanted))[1]

    async def _planned(
        self, wanted: ApplyRequest
    ) -> tuple[Mapping[Ref, Document], tuple[Planned, ...]]:
        current = await self._current()
        bodies = await self._bodies(wanted, current)
        return current, plan(current, bodies, prune=wanted.prune)

    async def _write(self, parts: Sequence[Part], author: str) -> Revision | None:
        """Make the changes of *parts*, one entry after the other; the last one's revision."""
        revision, done = None, 0
        total = sum(len(part.changes) for part in parts)
        patience = PATIENCE_SECONDS if len(parts) == 1 else LONG_PATIENCE_SECONDS
        for part in parts:
            try:
                accepted = await self._configuration.propose(
                    part.request_id, author, part.proposed, patience
                )
            except MeridianError as error:
                if revision is None:
                    raise
                raise _in_part(error, done, total, revision) from error
            revision, done = accepted.revision, done + len(part.changes)
        return revision

    async def _bodies(
        self, wanted: ApplyRequest, current: Mapping[Ref, Document]
    ) -> dict[Ref, Mapping[str, Any]]:
        bodies: dict[Ref, Mapping[str, Any]] = {}
        for document in wanted.documents:
            ref = Ref(document.kind, document.id)
            if ref in bodies:
                raise InvalidChange(f"{document.kind} {document.id!r} is named twice")
            bodies[ref] = await self._sealed(document.kind, document.body, current.get(ref))
        return bodies

    async def _current(self) -> dict[Ref, Document]:
        found = await self._configuration.read()
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
                sealed = await self._passwords.sealed(str(password))
        elif (digest := body.get("password_hash")) and not self._passwords.same_hash(
            sealed, str(digest)
        ):
            sealed = self._passwords.seal_hash(str(digest))
        return {**plain, "password_hash": sealed}


def _in_part(error: MeridianError, done: int, total: int, revision: Revision) -> MeridianError:
    """What stopped an apply that is too large for one entry, and how far it had got."""
    return type(error)(
        f"{error.message}; {done} of {total} changes were made before, up to revision {revision}, "
        "and every one of them whole: apply again to make the rest",
        **{**error.attributes, "changes_made": done, "changes": total, "revision": revision},
    )
