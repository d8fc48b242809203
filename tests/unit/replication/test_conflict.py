"""Where two histories part, and what one of them left of each document."""

import pytest

from services.replication.core.conflict import common_revision, last_changes
from shared.domain.ids import Revision
from shared.domain.log import LogEntry, Op, StoredEntry
from tests.integration.entries import Pen, control, delete, node, put


def hashes(*pairs: tuple[int, str]) -> dict[Revision, str]:
    return {Revision(revision): hash_ for revision, hash_ in pairs}


@pytest.mark.parametrize(
    ("theirs", "ancestor"),
    [
        (hashes((1, "a"), (2, "b"), (3, "c")), 3),
        (hashes((1, "a"), (2, "b"), (3, "x")), 2),
        (hashes((2, "b"), (4, "d")), 2),
        (hashes((1, "x")), 0),
        ({}, 0),
    ],
)
def test_two_histories_are_one_up_to_the_last_entry_that_both_have(
    theirs: dict[Revision, str], ancestor: int
) -> None:
    assert common_revision(hashes((1, "a"), (2, "b"), (3, "c")), theirs) == ancestor


def entries(*stored: StoredEntry) -> list[LogEntry]:
    return [LogEntry.decode(each.body) for each in stored]


def test_each_document_is_as_the_last_change_left_it() -> None:
    pen = Pen()
    found = last_changes(
        entries(
            pen.write(put("node", "berlin", node()), put("node", "tokyo", node())),
            pen.write(put("node", "berlin", node("master"))),
            pen.write(delete("node", "tokyo")),
        )
    )
    changes = [(each.change.id, each.change.op, each.change.body, each.revision) for each in found]
    assert changes == [("berlin", Op.PUT, node("master"), 2), ("tokyo", Op.DELETE, None, 3)]


def test_what_speaks_of_the_cluster_alone_leaves_nothing_behind() -> None:
    pen = Pen()
    began = pen.write(control(Op.EPOCH_BEGAN, {}), epoch=4)
    mode = pen.write(control(Op.MODE_CHANGED, {"mode": "degraded"}))
    assert last_changes(entries(began, mode)) == ()
