"""What changed since somebody knew everything: the news and what was known make the whole."""

import pytest

from services.config.core.changes import changed_documents
from services.config.read.documents import LARGEST_DIFFERENCE, read_documents
from shared.domain.log import LogEntry, Op
from shared.events.config import ReadDocuments
from tests.fakes.copy import Copy
from tests.integration.entries import EntryWriter, control, delete, node, put


def test_the_last_change_of_a_document_counts() -> None:
    entry_writer = EntryWriter()
    entries = [
        LogEntry.decode(each.body)
        for each in (
            entry_writer.write(put("node", "a", node()), put("node", "b", node())),
            entry_writer.write(delete("node", "a"), put("node", "b", node("master"))),
            entry_writer.write(
                put("node", "c", node()), control(Op.EPOCH_BEGAN, {}), put("user", "u", {})
            ),
            entry_writer.write(delete("node", "c"), put("node", "a", node())),
        )
    ]

    found = changed_documents(entries, ("node",))

    assert {each.id: (each.revision, each.body) for each in found.documents} == {
        "a": (4, node()),
        "b": (2, node("master")),
    }
    assert found.gone == (("node", "c"),)
    assert {each.kind for each in changed_documents(entries, ()).documents} == {"node", "user"}


async def test_who_knows_everything_gets_the_changes() -> None:
    copy = Copy()
    await copy.apply(copy.entry_writer.write(put("node", "a", node()), put("node", "b", node())))
    whole = await read_documents(copy, ReadDocuments(kinds=("node",)))
    assert whole.since is None

    nothing = await read_documents(copy, ReadDocuments(kinds=("node",), since=whole.position))
    assert (nothing.since, nothing.documents, nothing.gone) == (1, (), ())

    await copy.apply(
        copy.entry_writer.write(delete("node", "a")), copy.entry_writer.write(put("user", "u", {}))
    )
    answer = await read_documents(copy, ReadDocuments(kinds=("node",), since=whole.position))
    assert (answer.since, answer.documents, answer.gone) == (1, (), (("node", "a"),))
    assert answer.position == copy.state.at


async def test_who_knows_another_history_gets_everything() -> None:
    copy, other = Copy(), Copy()
    await copy.apply(copy.entry_writer.write(put("node", "a", node())))
    await other.apply(other.entry_writer.write(put("node", "b", node())))
    theirs = await read_documents(other, ReadDocuments())
    await copy.apply(copy.entry_writer.write(put("node", "c", node())))

    answer = await read_documents(copy, ReadDocuments(since=theirs.position))

    assert answer.since is None
    assert [each.id for each in answer.documents] == ["a", "c"]


@pytest.mark.parametrize(
    ("behind", "is_news"), [(LARGEST_DIFFERENCE, True), (LARGEST_DIFFERENCE + 1, False)]
)
async def test_too_many_entries_are_no_news(behind: int, is_news: bool) -> None:
    copy = Copy()
    await copy.apply(copy.entry_writer.write(put("node", "a", node())))
    whole = await read_documents(copy, ReadDocuments())
    for _ in range(behind):
        await copy.apply(copy.entry_writer.write(put("node", "a", node())))

    answer = await read_documents(copy, ReadDocuments(since=whole.position))

    assert (answer.since is not None) == is_news
    assert [each.id for each in answer.documents] == ["a"]


async def test_what_does_not_fit_into_a_message_is_no_news() -> None:
    copy = Copy()
    await copy.apply(copy.entry_writer.write(put("node", "a", node())))
    whole = await read_documents(copy, ReadDocuments())
    large = {"note": "x" * 300_000}
    await copy.apply(
        copy.entry_writer.write(put("team", "b", large)),
        copy.entry_writer.write(put("team", "c", large)),
    )

    answer = await read_documents(copy, ReadDocuments(since=whole.position))

    assert answer.since is None
    assert answer.next is not None
    assert answer.revision == 3
