"""All documents at one revision, as the cluster log left them.

One revision shares with the next whatever did not change, and an index leads from what a document
names or claims to the document. So neither a change nor a rule reads all documents: both cost the
same on a site of ten documents and of a hundred thousand.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from immutables import Map

from shared.documents import Kind
from shared.documents.hosts import comparable
from shared.documents.references import named_by
from shared.domain.document import Document, Ref
from shared.domain.ids import Revision

Fact = tuple[str | int, ...]
"""What a document says of itself, as the index holds it: it names another, or claims a name."""

ADMINISTRATOR: Final[Fact] = ("administrator",)
"""Said of the enabled administrators with a password."""

NOBODY: Final[Map[Ref, None]] = Map()


class Documents:
    """All documents at one revision."""

    __slots__ = ("_documents", "_holders")

    def __init__(self, documents: Mapping[Ref, Document]) -> None:
        """Index *documents*, which takes a while; `with_` does not."""
        holders = dict[Fact, dict[Ref, None]]()
        for ref, document in documents.items():
            for fact in _facts(ref, document.body):
                holders.setdefault(fact, {})[ref] = None
        self._documents: Map[Ref, Document] = Map(documents.items())
        self._holders: Map[Fact, Map[Ref, None]] = Map(
            (fact, Map(each.items())) for fact, each in holders.items()
        )

    def get(self, kind: str, id_: str) -> Document | None:
        return self.find(Ref(kind, id_))

    def find(self, ref: Ref) -> Document | None:
        return self._documents.get(ref)

    def holders(self, fact: Fact) -> Mapping[Ref, None]:
        """The documents of which *fact* is true."""
        return self._holders.get(fact, NOBODY)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def __len__(self) -> int:
        return len(self._documents)

    def with_(self, changes: Mapping[Ref, dict[str, Any] | None], at: Revision) -> "Documents":
        """Return these documents after *changes* (None deletes) were made at revision *at*."""
        after = Documents.__new__(Documents)
        with self._documents.mutate() as documents:
            for ref, body in changes.items():
                if body is not None:
                    documents[ref] = Document(ref.kind, ref.id, at, body)
                elif ref in documents:
                    del documents[ref]
            after._documents = documents.finish()  # noqa: SLF001 (its own class)
        after._holders = self._with_facts(changes)  # noqa: SLF001
        return after

    def _with_facts(
        self, changes: Mapping[Ref, dict[str, Any] | None]
    ) -> Map[Fact, Map[Ref, None]]:
        holders = self._holders
        for ref, body in changes.items():
            before = self.find(ref)
            old = set[Fact]() if before is None else set(_facts(ref, before.body))
            new = set[Fact]() if body is None else set(_facts(ref, body))
            for fact in old - new:
                rest = holders[fact].delete(ref)
                holders = holders.set(fact, rest) if rest else holders.delete(fact)
            for fact in new - old:
                holders = holders.set(fact, holders.get(fact, NOBODY).set(ref, None))
        return holders


def names(ref: Ref) -> Fact:
    """Said of each document that names *ref*."""
    return ("names", ref.kind, ref.id)


def has_address(body: Mapping[str, Any]) -> Fact | None:
    """Said of the node with the public address in *body*; None when it has none."""
    public = body.get("public_address")
    return ("address", comparable(public["host"]), public["port"]) if public else None


def has_hostname(name: str) -> Fact:
    """Said of the public site with the host name *name*."""
    return ("hostname", name)


def _facts(ref: Ref, body: Mapping[str, Any]) -> Iterable[Fact]:
    for reference, name in named_by(ref.kind, body):
        yield names(Ref(reference.kind, name))
    if ref.kind == Kind.NODE and (address := has_address(body)) is not None:
        yield address
    if ref.kind == Kind.PUBLIC_SITE:
        yield from (has_hostname(name) for name in body["hostnames"])
    if ref.kind == Kind.USER and _is_usable_administrator(body):
        yield ADMINISTRATOR


def _is_usable_administrator(body: Mapping[str, Any]) -> bool:
    return body["role"] == "administrator" and not body["disabled"] and bool(body["password_hash"])
