from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.config.core.paging import PAGE_BYTES, PAGE_DOCUMENTS, first_page, read_limit
from shared.domain.document import Document
from shared.domain.ids import Revision


def row(number: int, **body: Any) -> Document:
    return Document("node", f"n{number:05}", Revision(1), body)


def test_what_fits_is_one_page_and_the_last() -> None:
    rows = [row(number) for number in range(3)]

    assert first_page(rows, None) == (rows, None)
    assert first_page(rows, 3) == (rows, None)
    assert first_page([], None) == ([], None)


def test_one_row_more_than_asked_for_says_that_another_page_follows() -> None:
    rows = [row(number) for number in range(4)]

    assert first_page(rows, 3) == (rows[:3], ("node", "n00002"))


def test_a_page_ends_before_it_is_too_large_for_a_message() -> None:
    rows = [row(number, note="x" * (PAGE_BYTES // 3)) for number in range(4)]

    page, following = first_page(rows, None)

    assert len(page) == 2
    assert following == ("node", "n00001")


def test_characters_are_measured_as_they_travel() -> None:
    rows = [row(number, note="\N{PEDESTRIAN}" * (PAGE_BYTES // 5)) for number in range(2)]

    assert len(first_page(rows, None)[0]) == 1


def test_a_document_that_fills_a_page_alone_is_one_page() -> None:
    rows = [row(1, note="x" * PAGE_BYTES), row(2)]

    assert first_page(rows, None) == (rows[:1], ("node", "n00001"))


def test_no_page_has_more_rows_than_one_reading_takes() -> None:
    assert read_limit(None) == read_limit(PAGE_DOCUMENTS * 2) == PAGE_DOCUMENTS + 1
    rows = [row(number) for number in range(PAGE_DOCUMENTS + 1)]

    assert (
        len(first_page(rows, None)[0])
        == len(first_page(rows, PAGE_DOCUMENTS * 2)[0])
        == PAGE_DOCUMENTS
    )


@given(st.lists(st.integers(0, PAGE_BYTES // 2), max_size=8), st.none() | st.integers(1, 4))
def test_page_by_page_everything_is_read_once(sizes: list[int], limit: int | None) -> None:
    rows = [row(number, note="x" * size) for number, size in enumerate(sizes)]
    left, read = rows, list[Document]()
    while True:
        page, following = first_page(left[: read_limit(limit)], limit)
        read += page
        if following is None:
            break
        left = [each for each in left if (each.kind, each.id) > following]

    assert read == rows
