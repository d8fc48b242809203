"""References: the fields of documents that hold the ids of other documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.documents import Kind


@dataclass(frozen=True, slots=True)
class Reference:
    """*field* of a document holds the ids of documents of *kind*, or one id, or none."""

    field: str
    kind: Kind


REFERENCES: Final[Mapping[Kind, tuple[Reference, ...]]] = {
    Kind.USER: (Reference("pinned_node", Kind.NODE),),
    Kind.TEAM: (Reference("members", Kind.USER), Reference("managers", Kind.USER)),
    Kind.PUBLIC_SITE: (Reference("teams", Kind.TEAM),),
}
"""Every kind names only kinds that `Kind` lists before it: made in that order, all references hold;
deleted in the opposite order, none dangles."""

_BY_NAME: Final = {kind.value: references for kind, references in REFERENCES.items()}


def named_by(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[Reference, str]]:
    """The ids that a document of *kind* names, each with where it does."""
    for reference in _BY_NAME.get(kind, ()):
        held = body.get(reference.field) or ()
        for id_ in (held,) if isinstance(held, str) else held:
            yield reference, id_
