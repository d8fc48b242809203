"""Changing documents through the front door: one by one, or a whole configuration at once.

Passwords come in clear or as argon2 hashes and leave this module sealed. One that is right
already is kept as it is, so that a second apply changes nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.core.plan import (
    Current,
    Planned,
    Ref,
    batches,
    normalised,
    plan,
    require_references,
)
from services.gateway.passwords import Passwords
from services.gateway.proposals import (
    LONG_PATIENCE_SECONDS,
    PATIENCE_SECONDS,
    Configuration,
)
from shared.documents import Kind
from shared.domain.errors import AlreadyExists, InvalidChange, MeridianError, RevisionConflict
from shared.domain.ids import RequestId, Revision
from shared.events.config import ChangesAccepted, ProposedChange

SECRETS = ("password", "password_hash")


class WantedDocument(BaseModel):
    """One document of an apply."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    id: str = Field(min_length=1, max_length=200)
    body: dict[str, Any]


class Apply(BaseModel):
    """A whole configuration: what is wanted, and whether the rest goes."""

    model_config = ConfigDict(extra="forbid")

    documents: tuple[WantedDocument, ...]
    prune: bool = False
    dry_run: bool = False


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
        kind, id_ = ref
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
                f"there is a {ref[0]} {ref[1]!r} already; PUT changes it", kind=ref[0], id=ref[1]
            ) from error

    async def delete(
        self, ref: Ref, expected: Revision | None, request: tuple[RequestId, str]
    ) -> ChangesAccepted:
        """Delete one document."""
        change = ProposedChange(kind=ref[0], id=ref[1], op="delete", expected_revision=expected)
        return await self._configuration.propose(request[0], request[1], [change])

    async def apply(
        self, wanted: Apply, request: tuple[RequestId, str]
    ) -> tuple[tuple[Planned, ...], Revision | None]:
        """Make the configuration what *wanted* says; the changes, and the revision they ended at.

        What is too large for one entry of the log is cut into several; shapes and references are
        checked for all of it before the first one is written.

        Raises:
            InvalidChange: a document is named twice, has another shape than its kind, or names
                another one that is not there.
            RevisionConflict: somebody changed a document meanwhile.
        """
        current = await self._current()
        bodies = await self._bodies(wanted, current)
        changes = plan(current, bodies, prune=wanted.prune)
        if wanted.dry_run:
            return changes, None
        require_references(current, changes)
        return changes, await self._write(changes, request)

    async def _write(
        self, changes: tuple[Planned, ...], request: tuple[RequestId, str]
    ) -> Revision | None:
        """Make *changes*, one entry after the other; the last one's revision."""
        revision, done = None, 0
        parts = tuple(batches(changes))
        patience = PATIENCE_SECONDS if len(parts) == 1 else LONG_PATIENCE_SECONDS
        for part in parts:
            request_id = _derived(request[0], part)
            proposed = [_proposed(change) for change in part]
            try:
                accepted = await self._configuration.propose(
                    request_id, request[1], proposed, patience
                )
            except MeridianError as error:
                if revision is None:
                    raise
                raise _in_part(error, done, len(changes), revision) from error
            revision, done = accepted.revision, done + len(part)
        return revision

    async def _bodies(
        self, wanted: Apply, current: Mapping[Ref, Current]
    ) -> dict[Ref, Mapping[str, Any]]:
        bodies: dict[Ref, Mapping[str, Any]] = {}
        for document in wanted.documents:
            ref = (document.kind, document.id)
            if ref in bodies:
                raise InvalidChange(f"{document.kind} {document.id!r} is named twice")
            bodies[ref] = await self._sealed(document.kind, document.body, current.get(ref))
        return bodies

    async def _current(self) -> dict[Ref, Current]:
        found = await self._configuration.read()
        return {
            (Kind(document.kind), document.id): Current(document.revision, document.body)
            for document in found.documents
        }

    async def _sealed(
        self, kind: Kind, body: Mapping[str, Any], there: Current | None
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


def _proposed(change: Planned) -> ProposedChange:
    return ProposedChange(
        kind=change.kind,
        id=change.id,
        op="put" if change.after is not None else "delete",
        body=None if change.after is None else dict(change.after),
        expected_revision=change.expected_revision,
    )


def _derived(request_id: RequestId, part: tuple[Planned, ...]) -> RequestId:
    """An id for *part* that is the same whenever the same request makes the same changes."""
    content = json.dumps([[change.kind, change.id, change.op] for change in part])
    return RequestId(f"{request_id}-{hashlib.sha256(content.encode()).hexdigest()[:16]}")
