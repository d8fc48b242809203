"""The rules that a change must keep for the documents to stay one consistent whole.

A proposal is applied to a copy: all of its changes are made together, or none is. The rules are
those that need more than one document: names in use, administrators that must remain, masters
that must not be deleted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from shared.documents import DOCUMENTS, SITE_ID, Kind
from shared.documents.rules.references import require_own_hostnames, require_references
from shared.documents.rules.selections import require_working_rules
from shared.documents.shape import validate_body
from shared.documents.state import ADMINISTRATOR, Documents, has_address
from shared.domain.document import Document, Ref
from shared.domain.errors import InvalidChange, NotFound, RevisionConflict
from shared.domain.ids import Revision, parse_node_id
from shared.domain.node import NodeRole

LONGEST_ID: Final = 200


class Proposed(Protocol):
    """One change that somebody asks for."""

    @property
    def kind(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def op(self) -> str: ...

    @property
    def body(self) -> dict[str, Any] | None: ...

    @property
    def expected_revision(self) -> Revision | None: ...


def apply_changes(documents: Documents, changes: Sequence[Proposed]) -> dict[Ref, Any]:
    """The outcome of *changes*: the body that each document will have, or None for a deleted one.

    It has one item for each of *changes*, in their order.

    Raises:
        InvalidChange: a body has another shape, or a rule would be broken.
        RevisionConflict: a document is not at the revision that its author saw.
        NotFound: a document to delete is not there.
        InUse: a document to delete is named by another.
    """
    outcome: dict[Ref, Any] = {}
    for change in changes:
        ref = Ref(change.kind, change.id)
        if ref in outcome:
            raise InvalidChange(f"{change.kind} {change.id!r} is changed twice in one request")
        outcome[ref] = _apply_change(documents.find(ref), change)
    after = documents.with_(outcome, Revision(0))
    _require_an_administrator(documents, after)
    _require_own_addresses(after, outcome)
    require_own_hostnames(outcome, after)
    require_references(outcome, after)
    require_working_rules(outcome, after)
    return outcome


def _apply_change(stored: Document | None, change: Proposed) -> dict[str, Any] | None:
    kind = _kind(change.kind)
    _require_expected(change, stored)
    if change.op == "delete":
        _require_deletable(change, kind, stored)
        return None
    _require_id(kind, change.id)
    body = validate_body(DOCUMENTS[kind], f"{kind} {change.id!r}", change.body or {})
    if kind is Kind.NODE and stored is not None and stored.body["role"] != body["role"]:
        raise InvalidChange(
            f"node {change.id!r}: role: a node keeps its role; delete it and add it anew",
            field="role",
        )
    return body


def _require_deletable(change: Proposed, kind: Kind, stored: Document | None) -> None:
    if stored is None:
        raise NotFound(f"there is no {kind} {change.id!r}", kind=kind, id=change.id)
    if kind is Kind.SITE:
        raise InvalidChange("the site's own document cannot be deleted")
    if kind is Kind.NODE and stored.body["role"] != NodeRole.TRAFFIC:
        raise InvalidChange(
            f"node {change.id!r} is a {stored.body['role']}; only traffic nodes can be deleted"
        )


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        known = ", ".join(Kind)
        raise InvalidChange(f"there is no kind {name!r}; there are {known}", field="kind") from None


def _require_id(kind: Kind, id_: str) -> None:
    if kind is Kind.SITE and id_ != SITE_ID:
        raise InvalidChange(f"the site's document is called {SITE_ID!r}", field="id")
    if kind is Kind.NODE:
        try:
            parse_node_id(id_)
        except ValueError as error:
            raise InvalidChange(str(error), field="id") from error
    if not id_ or len(id_) > LONGEST_ID or not id_.isprintable() or id_.strip() != id_:
        raise InvalidChange(
            f"{id_!r} is no name: use 1 to {LONGEST_ID} printable characters, no space at an end",
            field="id",
        )


def _require_expected(change: Proposed, stored: Document | None) -> None:
    if change.expected_revision is None:
        return
    actual = Revision(0) if stored is None else stored.revision
    if actual != change.expected_revision:
        was = "is not there" if stored is None else f"is at revision {actual}"
        raise RevisionConflict(
            f"{change.kind} {change.id!r} {was}, not at {change.expected_revision}; read it again",
            kind=change.kind,
            id=change.id,
            revision=actual,
        )


def _require_an_administrator(before: Documents, after: Documents) -> None:
    if before.holders(ADMINISTRATOR) and not after.holders(ADMINISTRATOR):
        raise InvalidChange("at least one enabled administrator with a password must remain")


def _require_own_addresses(after: Documents, outcome: Mapping[Ref, Any]) -> None:
    for ref, body in outcome.items():
        address = has_address(body) if ref.kind == Kind.NODE and body is not None else None
        if address is None:
            continue
        for other in after.holders(address):
            if other != ref:
                _, host, port = address
                raise InvalidChange(
                    f"node {ref.id!r}: public_address: {host}:{port} belongs to node {other.id!r} "
                    "already",
                    field="public_address",
                )
