"""Checks that the documents that others name exist, and that host names are unique.

A document may name only documents that exist after the change, and none is deleted while another
names it. Both rules apply to the whole outcome, so a team and its members may be created, or
deleted, in one request.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.documents import Kind
from shared.documents.references import named_by
from shared.documents.state import Documents, has_hostname, names
from shared.domain.document import Ref
from shared.domain.errors import InUse, InvalidChange

REFERRERS_LISTED: Final = 20
"""Most referrers that an error lists."""

Body = Mapping[str, Any]
Outcome = Mapping[Ref, Body | None]
"""What a request makes of the documents that it touches; None for one that goes."""


def require_references(outcome: Outcome, after: Documents) -> None:
    """Refuse a request that names a missing document or deletes one that another names.

    Raises:
        InvalidChange: a document names one that is not there; `field` says where.
        InUse: a document goes that others name; `referrers` says which.
    """
    _require_named(outcome, after)
    gone = sorted(ref for ref, body in outcome.items() if body is None)
    for kind, id_ in gone:
        referrers = [
            f"{each.kind} {each.id!r}" for each in sorted(after.holders(names(Ref(kind, id_))))
        ]
        if not referrers:
            continue
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


def require_own_hostnames(outcome: Outcome, after: Documents) -> None:
    """Refuse a request that gives one host name to two public sites.

    Raises:
        InvalidChange: another public site has the host name.
    """
    for ref, body in sorted(outcome.items(), key=lambda item: item[0]):
        if ref.kind != Kind.PUBLIC_SITE or body is None:
            continue
        for name in body["hostnames"]:
            for other in after.holders(has_hostname(name)):
                if other != ref:
                    raise InvalidChange(
                        f"public_site {ref.id!r}: hostnames: {name} belongs to public_site "
                        f"{other.id!r} already",
                        field="hostnames",
                    )


def _require_named(outcome: Outcome, after: Documents) -> None:
    for (kind, id_), body in outcome.items():
        for reference, name in named_by(kind, body or {}):
            if after.get(reference.kind, name) is None:
                raise InvalidChange(
                    f"{kind} {id_!r}: {reference.field}: there is no {reference.kind} {name!r}",
                    field=reference.field,
                )
