"""Properties of the history's pages: put together they are the whole, whatever the pages' sizes."""

from hypothesis import given
from hypothesis import strategies as st

from services.config.read.history import read_history
from shared.domain.history import HistoryLine
from shared.domain.log import LogEntry
from shared.events.config import ReadHistory
from tests.unit.config.test_history import Kept, change, entry

AUTHORS = ("admin", "anna")


@st.composite
def logs(draw: st.DrawFn) -> list[LogEntry]:
    """A log of up to two generations, whose entries hold changes of several requests."""
    entries: list[LogEntry] = []
    for generation in range(1, draw(st.integers(1, 2)) + 1):
        for _ in range(draw(st.integers(0, 8))):
            requests = draw(st.lists(st.sampled_from(AUTHORS), min_size=1, max_size=3))
            changes = (
                change("node", f"n{number}", author, f"r{number}")
                for number, author in enumerate(requests)
            )
            entries.append(entry(len(entries) + 1, *changes, generation=generation))
    return entries


@given(logs(), st.lists(st.integers(1, 4), min_size=1), st.none() | st.sampled_from(AUTHORS))
async def test_pages_of_any_size_make_the_whole_history(
    log: list[LogEntry], sizes: list[int], author: str | None
) -> None:
    whole = await read_history(Kept(log), ReadHistory(author=author, limit=200))

    lines, before = list[HistoryLine](), None
    for number in range(100):
        question = ReadHistory(author=author, before=before, limit=sizes[number % len(sizes)])
        page = await read_history(Kept(log), question)
        lines += page.lines
        before = page.next
        if before is None:
            break

    assert before is None, "the pages come to an end"
    assert tuple(lines) == whole.lines
