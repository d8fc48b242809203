"""Checks that the documents that others name exist, and that host names are unique.

A document may name only documents that exist after the change, and none is deleted while another
names it. Both rules apply to the whole outcome, so a team and its members may be created, or
deleted, in one request.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.documents import Kind
from shared.documents.references import REFERENCES, named_by
from shared.domain.document import Ref
from shared.domain.errors import InUse, InvalidChange

REFERRERS_LISTED: Final = 20
"""Most referrers that an error lists."""

Body = Mapping[str, Any]
Outcome = Mapping[Ref, Body | None]
"""What a request makes of the documents that it touches; None for one that goes."""

Of = Callable[[Kind], Mapping[str, Body]]
"""The bodies of one kind by id, after the request."""


def require_references(outcome: Outcome, of: Of) -> None:
    """Refuse a request that names a missing document or deletes one that another names.

    Raises:
        InvalidChange: a document names one that is not there; `field` says where.
        InUse: a document goes that others name; `referrers` says which.
    """
    _require_named(outcome, of)
    gone = {Kind(kind): set[str]() for (kind, _), body in outcome.items() if body is None}
    for (kind, id_), body in outcome.items():
        if body is None:
            gone[Kind(kind)].add(id_)
    for (kind, id_), referrers in sorted(_referrers(gone, of).items()):
        listed = ", ".join(referrers[:REFERRERS_LISTED])
        more = (
            f" and {len(referrers) - REFERRERS_LISTED} more"
            if len(referrers) > REFERRERS_LISTED
            else ""
        )
        raise InUse(
            f"{kind} {id_!r} cannot be deleted: it is named by {listed}{more}; change them first",
            kind=kind,
            id=id_,
            referrers=tuple(referrers[:REFERRERS_LISTED]),
        )


def require_own_hostnames(outcome: Outcome, of: Of) -> None:
    """Refuse a request that gives one host name to two public sites.

    Raises:
        InvalidChange: another public site has the host name.
    """
    touched = {
        name: id_
        for (kind, id_), body in sorted(outcome.items(), key=lambda item: item[0])
        if kind == Kind.PUBLIC_SITE and body is not None
        for name in body["hostnames"]
    }
    if not touched:
        return
    for id_, body in of(Kind.PUBLIC_SITE).items():
        for name in body["hostnames"]:
            if touched.get(name, id_) != id_:
                raise InvalidChange(
                    f"public_site {touched[name]!r}: hostnames: {name} belongs to public_site "
                    f"{id_!r} already",
                    field="hostnames",
                )


def _require_named(outcome: Outcome, of: Of) -> None:
    known: dict[Kind, Mapping[str, Body]] = {}
    for (kind, id_), body in outcome.items():
        for reference, name in named_by(kind, body or {}):
            if reference.kind not in known:
                known[reference.kind] = of(reference.kind)
            if name not in known[reference.kind]:
                raise InvalidChange(
                    f"{kind} {id_!r}: {reference.field}: there is no {reference.kind} {name!r}",
                    field=reference.field,
                )


def _referrers(gone: Mapping[Kind, set[str]], of: Of) -> dict[Ref, list[str]]:
    """The documents that name a deleted one, by the deleted one."""
    referrers: dict[Ref, list[str]] = {}
    for kind_of_referrer, references in REFERENCES.items():
        if not any(reference.kind in gone for reference in references):
            continue
        for id_, body in sorted(of(kind_of_referrer).items()):
            named = {(each.kind, name) for each, name in named_by(kind_of_referrer, body)}
            for kind, name in named:
                if name in gone.get(kind, ()):
                    referrers.setdefault(Ref(kind, name), []).append(f"{kind_of_referrer} {id_!r}")
    return referrers
