"""Decides what an apply changes: the difference between the wanted and the present documents.

Both sides are compared as whole, validated documents, so a default written out is no change and a
second apply changes nothing; an unchanged document is not validated again. What a person does not
write (a node's public key, a password that stays) is kept from the present document.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.documents import DOCUMENTS, Kind, normalise_body
from shared.documents.rules.changes import apply_changes
from shared.documents.rules.entry import ChangeRequest, entry_bytes, entry_changes
from shared.documents.shape import as_read, is_read_as
from shared.documents.state import Documents
from shared.domain.document import Document, Ref
from shared.domain.ids import RequestId, Revision
from shared.domain.log import EMPTY_HASH, ENTRY_LIMIT_BYTES
from shared.events.config import ProposedChange

KEPT_UNLESS_GIVEN: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.NODE: ("public_key",),
    Kind.USER: ("password_hash",),
}

KINDS: Final = {kind.value: kind for kind in Kind}
ORDER: Final = {kind.value: place for place, kind in enumerate(Kind)}
"""Kinds are made in this order and deleted in the opposite one, so that all references hold."""

BATCH_BYTES: Final = ENTRY_LIMIT_BYTES // 2
"""Bodies in one proposal: half an entry, which leaves room for what goes around them."""

DIGEST: Final = EMPTY_HASH
"""As long as the digest of a request, which only the primary knows."""

AROUND_BYTES: Final = 300
"""What an entry adds to a change: its names, its author and the digest of its request."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The author of a change, its request id, and the revision that the author saw.

    A repeated *request_id* changes nothing twice. *expected* is None where any revision will do,
    and 0 where the document must not exist yet.
    """

    author: str
    request_id: RequestId
    expected: Revision | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One difference; *before* is None for a new document, *after* for one to delete."""

    kind: Kind
    id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    expected_revision: Revision

    @property
    def op(self) -> str:
        return "delete" if self.after is None else "create" if self.before is None else "update"

    @property
    def proposed(self) -> ProposedChange:
        """Return the change as the primary gets it."""
        return ProposedChange(
            kind=self.kind,
            id=self.id,
            op="put" if self.after is not None else "delete",
            body=None if self.after is None else dict(self.after),
            expected_revision=self.expected_revision,
        )


@dataclass(frozen=True, slots=True)
class ApplyPart:
    """Changes that go into one entry of the log, and the id of their request."""

    request_id: RequestId
    changes: tuple[Planned, ...]

    @property
    def proposed(self) -> tuple[ProposedChange, ...]:
        return tuple(change.proposed for change in self.changes)


def plan_changes(
    current: Mapping[Ref, Document], wanted: Mapping[Ref, Mapping[str, Any]], *, prune: bool
) -> tuple[Planned, ...]:
    """Plan the changes from *current* to *wanted*, in an order in which references hold.

    Deletes come last and only when *prune* is set; the site document is never deleted.

    Raises:
        InvalidChange: a wanted document has another shape than its kind; `field` says where.
    """
    changes = [
        change
        for ref in sorted(wanted, key=_place)
        if (change := _difference(ref, current.get(ref), wanted[ref])) is not None
    ]
    if prune:
        changes += [
            Planned(Kind(ref.kind), ref.id, current[ref].body, None, current[ref].revision)
            for ref in sorted(current, key=_place, reverse=True)
            if ref.kind != Kind.SITE and ref not in wanted
        ]
    return tuple(changes)


def check_parts(
    current: Mapping[Ref, Document], changes: tuple[Planned, ...], edit: Edit
) -> Iterator[ApplyPart]:
    """Split *changes* into parts of one entry each, as the primary would accept them in turn.

    Each is judged by the primary's own rules; take all of them before the first one is written.

    Raises:
        Rejected: the primary would refuse a part; a dry run raises the same.
    """
    documents = Documents(current)
    for planned in split_into_batches(changes):
        part = ApplyPart(part_request_id(edit.request_id, planned), planned)
        outcome = apply_changes(documents, part.proposed)
        request = ChangeRequest(edit.author, part.request_id, DIGEST)
        entry_bytes(entry_changes(part.proposed, outcome, request))
        documents = documents.with_(outcome, Revision(0))
        yield part


def part_request_id(request_id: RequestId, part: tuple[Planned, ...]) -> RequestId:
    """Derive an id for *part*: the same whenever the same request makes the same changes."""
    content = json.dumps([[change.kind, change.id, change.op] for change in part])
    return RequestId(f"{request_id}-{hashlib.sha256(content.encode()).hexdigest()[:16]}")


def split_into_batches(changes: tuple[Planned, ...]) -> tuple[tuple[Planned, ...], ...]:
    """Split *changes*, in order, so that each part fits into one entry of the log."""
    parts: list[list[Planned]] = []
    room = 0
    for change in changes:
        written = json.dumps([change.id, change.after], ensure_ascii=False)
        size = len(written.encode()) + AROUND_BYTES
        if not parts or size > room:
            parts.append([])
            room = BATCH_BYTES
        parts[-1].append(change)
        room -= size
    return tuple(tuple(part) for part in parts)


def _place(ref: Ref) -> tuple[int, str]:
    return ORDER[ref.kind], ref.id


def _difference(ref: Ref, there: Document | None, body: Mapping[str, Any]) -> Planned | None:
    kind, id_ = KINDS[ref.kind], ref.id
    if there is not None:
        kept = {
            field: there.body.get(field, "")
            for field in KEPT_UNLESS_GIVEN.get(kind, ())
            if not body.get(field)
        }
        body = {**body, **kept}
    before = None if there is None else as_read(DOCUMENTS[kind], there.body)
    if before is not None and is_read_as(DOCUMENTS[kind], body, before):
        return None
    after = normalise_body(kind, id_, body)
    if before == after:
        return None
    return Planned(kind, id_, before, after, Revision(0) if there is None else there.revision)
