"""A document's name stands for it in tables, in order, and on the wire as a pair."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.documents import Kind
from shared.domain.document import Document, Ref
from shared.domain.ids import Revision
from shared.events.config import DocumentsRead, ReadDocuments

texts = st.text(max_size=5)


def test_a_document_is_found_by_its_name_whether_the_kind_is_a_word_or_a_member() -> None:
    document = Document("node", "berlin", Revision(3), {"role": "traffic"})

    assert {document.ref: document}[Ref(Kind.NODE, "berlin")] is document
    assert str(document.ref) == "node/berlin"


@given(texts, texts, texts, texts)
def test_names_are_ordered_by_kind_and_then_by_id(a: str, b: str, c: str, d: str) -> None:
    assert (Ref(a, b) < Ref(c, d)) == ((a, b) < (c, d))


def test_a_name_is_a_pair_in_a_message() -> None:
    question = ReadDocuments(after=Ref("node", "berlin"))

    assert json.loads(question.model_dump_json())["after"] == ["node", "berlin"]
    assert ReadDocuments.model_validate_json(question.model_dump_json()) == question


def test_a_reader_ignores_what_a_later_version_adds_to_a_document() -> None:
    position = {"log_generation": 1, "revision": 4, "sequence": 4, "epoch": 1, "hash": "h"}
    document: dict[str, Any] = {"kind": "node", "id": "berlin", "revision": 3, "body": {}}
    answer = {"position": position, "mode": "degraded", "documents": [{**document, "later": 1}]}

    found = DocumentsRead.model_validate_json(json.dumps(answer))

    assert found.documents == (Document("node", "berlin", Revision(3), {}),)
    assert found.revision == 4
