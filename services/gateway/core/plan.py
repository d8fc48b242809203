"""What `apply` changes: the difference between the documents wanted and those that are there.

Both sides are compared as whole, validated documents, so a default written out is no change and
a second apply changes nothing. What a person does not write (a node's public key, a password
that stays) is kept from the document that is there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.documents import DOCUMENTS, Kind
from shared.documents.references import named_by
from shared.documents.shape import shaped
from shared.domain.errors import InvalidChange
from shared.domain.ids import Revision
from shared.domain.log import ENTRY_LIMIT_BYTES

Ref = tuple[Kind, str]
"""A document's name: its kind and id."""

KEPT_UNLESS_GIVEN: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.NODE: ("public_key",),
    Kind.USER: ("password_hash",),
}

ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
"""Kinds are made in this order and deleted in the opposite one, so that all references hold."""

BATCH_BYTES: Final = ENTRY_LIMIT_BYTES // 2
"""Bodies in one proposal: half an entry, which leaves room for what goes around them."""

AROUND_BYTES: Final = 300
"""What an entry adds to a change: its names, its author and the digest of its request."""


@dataclass(frozen=True, slots=True)
class Current:
    """A document as it is, and the revision that made it so."""

    revision: Revision
    body: Mapping[str, Any]


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


def plan(
    current: Mapping[Ref, Current], wanted: Mapping[Ref, Mapping[str, Any]], *, prune: bool
) -> tuple[Planned, ...]:
    """The changes that lead from *current* to *wanted*, in an order in which references hold.

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
            Planned(kind, id_, current[kind, id_].body, None, current[kind, id_].revision)
            for kind, id_ in sorted(current, key=_place, reverse=True)
            if kind is not Kind.SITE and (kind, id_) not in wanted
        ]
    return tuple(changes)


def require_references(current: Mapping[Ref, Current], changes: tuple[Planned, ...]) -> None:
    """Let *changes* pass that leave nobody naming what is not there.

    The master's own check is of each entry; this one is of all together, before the first.

    Raises:
        InvalidChange: a document names another one that is not there; `field` says where.
    """
    after: dict[Ref, Mapping[str, Any]] = {ref: each.body for ref, each in current.items()}
    for change in changes:
        if change.after is None:
            after.pop((change.kind, change.id), None)
        else:
            after[change.kind, change.id] = change.after
    for (kind, id_), body in after.items():
        for reference, name in named_by(kind, body):
            if (reference.kind, name) not in after:
                raise InvalidChange(
                    f"{kind} {id_!r}: {reference.field}: there is no {reference.kind} {name!r}",
                    field=reference.field,
                )


def normalised(kind: Kind, id_: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """*body* as its kind's document writes it, defaults included.

    Raises:
        InvalidChange: the body has another shape.
    """
    return shaped(DOCUMENTS[kind], f"{kind} {id_!r}", body)


def batches(changes: tuple[Planned, ...]) -> tuple[tuple[Planned, ...], ...]:
    """*changes* in order, cut so that each part fits into one entry of the log."""
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
    return ORDER[ref[0]], ref[1]


def _difference(ref: Ref, there: Current | None, body: Mapping[str, Any]) -> Planned | None:
    kind, id_ = ref
    if there is not None:
        kept = {
            field: there.body.get(field, "")
            for field in KEPT_UNLESS_GIVEN.get(kind, ())
            if not body.get(field)
        }
        body = {**body, **kept}
    after = normalised(kind, id_, body)
    before = None if there is None else normalised(kind, id_, there.body)
    if before == after:
        return None
    return Planned(kind, id_, before, after, Revision(0) if there is None else there.revision)
