"""What documents say of each other must be true: names that are there, names that nobody shares.

A document may name only what is there after the change, and nothing goes while somebody names it.
Both are judged on the whole outcome, so a team and its members may come, or go, in one request.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.documents import Kind
from shared.documents.references import REFERENCES, named_by
from shared.domain.document import Ref
from shared.domain.errors import InUse, InvalidChange

HOLDERS_TOLD: Final = 20

Body = Mapping[str, Any]
Outcome = Mapping[Ref, Body | None]
"""What a request makes of the documents that it touches; None for one that goes."""

Of = Callable[[Kind], Mapping[str, Body]]
"""The bodies of one kind by id, after the request."""


def require_references(outcome: Outcome, of: Of) -> None:
    """Let a request pass that names only what is there and deletes only what nobody names.

    Raises:
        InvalidChange: a document names one that is not there; `field` says where.
        InUse: a document goes that others name; `holders` says which.
    """
    _require_named(outcome, of)
    gone = {Kind(kind): set[str]() for (kind, _), body in outcome.items() if body is None}
    for (kind, id_), body in outcome.items():
        if body is None:
            gone[Kind(kind)].add(id_)
    for (kind, id_), holders in sorted(_holders(gone, of).items()):
        told = ", ".join(holders[:HOLDERS_TOLD])
        more = f" and {len(holders) - HOLDERS_TOLD} more" if len(holders) > HOLDERS_TOLD else ""
        raise InUse(
            f"{kind} {id_!r} cannot be deleted: it is named by {told}{more}; change them first",
            kind=kind,
            id=id_,
            holders=tuple(holders[:HOLDERS_TOLD]),
        )


def require_own_hostnames(outcome: Outcome, of: Of) -> None:
    """Let a request pass that gives no host name to two public sites.

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


def _holders(gone: Mapping[Kind, set[str]], of: Of) -> dict[tuple[Kind, str], list[str]]:
    """Who names what goes."""
    holders: dict[tuple[Kind, str], list[str]] = {}
    for holding, references in REFERENCES.items():
        if not any(reference.kind in gone for reference in references):
            continue
        for id_, body in sorted(of(holding).items()):
            named = {(each.kind, name) for each, name in named_by(holding, body)}
            for kind, name in named:
                if name in gone.get(kind, ()):
                    holders.setdefault((kind, name), []).append(f"{holding} {id_!r}")
    return holders
