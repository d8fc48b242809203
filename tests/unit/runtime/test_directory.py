"""The directory by news is the directory read whole, whatever was written in between."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.read import documents as reading
from shared.domain.ids import Revision
from shared.domain.log import Change
from shared.events.config import DocumentsRead, ReadDocuments
from shared.events.message import Message, Request
from shared.runtime.directory import Directory
from tests.fakes.copy import Copy
from tests.fakes.responder import Responder
from tests.integration.entries import delete, node, put

SITE = put("site", "site", {"name": "s.example"})
NAMES = st.sampled_from("abc")
BODIES: dict[str, list[dict[str, Any]]] = {
    "node": [node(), node("master"), {"role": "of a newer version"}],
    "team": [{}, {"selection": {"methods": ["random"]}}, {"selection": {"methods": 7}}],
    "user": [{"role": "administrator"}],
}
NAMED: list[dict[str, Any]] = [{"name": "s.example"}, {"name": "t.example"}]
SITES = st.builds(put, st.just("site"), st.just("site"), st.sampled_from(NAMED))
CHANGES = SITES | st.sampled_from(sorted(BODIES)).flatmap(
    lambda kind: st.one_of(
        st.builds(put, st.just(kind), NAMES, st.sampled_from(BODIES[kind])),
        st.builds(delete, st.just(kind), NAMES),
    )
)
ENTRIES = st.lists(st.lists(CHANGES, min_size=1, max_size=4), max_size=4)


def directory(masters: Responder) -> Directory:
    return Directory(masters, overrides=True)


def content(found: Directory) -> tuple[object, ...]:
    return found.revision, found.site, list(found.nodes.items()), found.overrides


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_a_directory_that_reads_on_has_what_a_new_one_reads(
    batches: list[list[list[Change]]],
) -> None:
    async def scenario() -> None:
        copy = Copy()
        await copy.apply(copy.entry_writer.write(SITE))
        reads_on = directory(copy)
        for entries in batches:
            await copy.apply(*(copy.entry_writer.write(*changes) for changes in entries))
            await reads_on.read()
            new = directory(copy)
            await new.read()
            assert content(reads_on) == content(new)

    asyncio.run(scenario())


async def grown(*changes: Change) -> Copy:
    copy = Copy()
    await copy.apply(
        copy.entry_writer.write(SITE), *(copy.entry_writer.write(each) for each in changes)
    )
    return copy


class Listening(Responder):
    """Records what a directory asks and receives."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.answers: list[DocumentsRead] = []

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        assert isinstance(request, ReadDocuments)
        answer = await self.copy.ask(request, timeout_seconds=timeout_seconds)
        self.answers.append(answer)
        return answer


async def test_only_what_changed_is_reported() -> None:
    copy = await grown(put("node", "a", node()), put("node", "b", node()))
    ear = Listening(copy)
    found = directory(ear)
    await found.read()
    await copy.apply(copy.entry_writer.write(put("node", "c", node())))
    await found.read()

    assert [len(each.documents) for each in ear.answers] == [3, 1]
    assert list(found.nodes) == ["a", "b", "c"]


async def test_a_revision_that_is_about_something_else_changes_nothing() -> None:
    copy = await grown(put("node", "a", node()))
    found = directory(copy)
    notified: list[Revision] = []
    found.on_change(lambda: notified.append(found.revision))
    await found.read()
    await copy.apply(copy.entry_writer.write(put("user", "u", {})))
    await found.read()

    assert (found.revision, notified) == (3, [2])


async def test_the_side_that_lost_learns_what_the_other_one_has() -> None:
    """An operator promoted a master alone, whose history was shorter than this side's."""
    lost = await grown(*(put("node", name, node()) for name in "abcdef"))
    ear = Listening(lost)
    found = directory(ear)
    await found.read()
    assert found.revision == 7
    won = await grown(put("node", "z", node()))
    ear.copy = won
    await won.apply(won.entry_writer.begin(2))
    found.heard(Revision(7))  # what no master has any more, heard before the sides parted
    moved = asyncio.Event()
    found.on_change(moved.set)

    running = asyncio.create_task(found.run())
    async with asyncio.timeout(10):
        await moved.wait()
    running.cancel()

    assert (found.revision, list(found.nodes)) == (3, ["z"])


@pytest.fixture(autouse=True)
def _waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AT_LEAST_SECONDS", 0.05)
