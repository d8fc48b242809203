import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding.errors import Undecodable
from shared.domain.ids import (
    Epoch,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    EMPTY_HASH,
    Change,
    Entrance,
    LogEntry,
    LogPosition,
    Op,
    StoredEntry,
    empty_position,
    entrance,
    entry_hash,
    follows,
    signed_bytes,
)

GENERATION = LogGeneration(1)
PUT = Change("node", "berlin", Op.PUT, {"role": "traffic"}, "rita", RequestId("r"), "d")
BEGAN = Change("cluster", "cluster", Op.EPOCH_BEGAN, {"node": "a"}, "m", RequestId("e"), "")


def entry(
    revision: int = 1, epoch: int = 0, previous: str = EMPTY_HASH, *changes: Change
) -> LogEntry:
    return LogEntry(
        GENERATION, Revision(revision), Epoch(epoch), changes or (PUT,), UnixMillis(5), previous
    )


def stored(of: LogEntry) -> StoredEntry:
    body = of.encode()
    return StoredEntry(body, entry_hash(body), NodeId("alpha"), b"signature")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
changes = st.builds(
    Change,
    kind=texts,
    id=texts,
    op=st.sampled_from(Op),
    body=st.none() | st.dictionaries(texts, integers | texts | st.none(), max_size=4),
    author=texts,
    request_id=texts.map(RequestId),
    request_digest=texts,
)


@given(st.lists(changes, max_size=4), st.integers(1, 2**60), st.integers(0, 2**60))
def test_an_entry_reads_as_it_was_written(made: list[Change], revision: int, epoch: int) -> None:
    one = replace(entry(revision, epoch), changes=tuple(made))

    assert LogEntry.decode(one.encode()) == one
    assert StoredEntry.decode(stored(one).encode()) == stored(one)


def test_the_bytes_of_an_entry_never_change() -> None:
    assert entry().encode() == (
        b'{"at":5,"changes":[{"author":"rita","body":{"role":"traffic"},"id":"berlin",'
        b'"kind":"node","op":"put","request_digest":"d","request_id":"r"}],"epoch":0,'
        b'"log_generation":1,"previous_hash":"' + b"0" * 64 + b'","revision":1}'
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"revision": 1}', b"\xff"])
def test_what_is_no_entry_is_reported(body: bytes) -> None:
    with pytest.raises(Undecodable, match="log entry"):
        LogEntry.decode(body)


@pytest.mark.parametrize(
    "change", [{"hash": "0" * 64}, {"body": "{}"}, {"type": "other"}, {"signature": "xyz"}]
)
def test_a_stored_entry_that_was_changed_is_reported(change: dict[str, str]) -> None:
    document = {**json.loads(stored(entry()).encode()), **change}

    with pytest.raises(Undecodable, match="stored log entry"):
        StoredEntry.decode(json.dumps(document).encode())


def test_what_is_signed_names_its_kind() -> None:
    assert signed_bytes("abc") == b"meridian/log-entry/v1\nabc"


POSITION = LogPosition(GENERATION, Revision(7), Sequence(9), Epoch(2), "h" * 64)


@pytest.mark.parametrize(
    ("following", "why"),
    [
        (entry(8, 2, "h" * 64), None),
        (entry(8, 3, "h" * 64, BEGAN), None),
        (entry(8, 9, "h" * 64, BEGAN), None),
        (entry(7, 2, "h" * 64), "revision 7, not 8"),
        (entry(9, 2, "h" * 64), "revision 9, not 8"),
        (entry(8, 2, "x" * 64), "another history: the previous hash differs"),
        (entry(8, 1, "h" * 64), "epoch 1, not 2"),
        (entry(8, 3, "h" * 64), "epoch 3, not 2"),
        (entry(8, 2, "h" * 64, BEGAN), "epoch 2 does not begin after 2"),
        (entry(8, 1, "h" * 64, BEGAN), "epoch 1 does not begin after 2"),
        (
            replace(entry(8, 2, "h" * 64), log_generation=LogGeneration(2)),
            "log generation 2, not 1",
        ),
    ],
)
def test_only_the_next_entry_of_the_same_history_follows(
    following: LogEntry, why: str | None
) -> None:
    assert follows(POSITION, following) == why


def test_the_first_entry_follows_the_empty_log() -> None:
    assert follows(empty_position(GENERATION), entry()) is None


def test_a_marker_advances_to_what_was_applied() -> None:
    after = LogPosition.of(entry(8, 3, "h" * 64, BEGAN), "n" * 64, Sequence(12))

    assert after == LogPosition(GENERATION, Revision(8), Sequence(12), Epoch(3), "n" * 64)


def beginning(revision: int, hash_: str, generation: int = 2, epoch: int = 2) -> LogEntry:
    """The first entry of a later generation of the log."""
    first = Change("cluster", "cluster", Op.GENERATION_BEGAN, {}, "admin", RequestId("g"), "")
    return replace(entry(revision, epoch, hash_, first), log_generation=LogGeneration(generation))


@pytest.mark.parametrize(
    ("first", "how"),
    [
        (beginning(8, "h" * 64), Entrance.GOES_ON),
        (beginning(8, "h" * 64, generation=1001), Entrance.GOES_ON),
        (beginning(9, "x" * 64), Entrance.BEHIND),
        (beginning(8, "x" * 64), Entrance.DIVERGED),
        (beginning(7, "h" * 64), Entrance.DIVERGED),
        (beginning(8, "h" * 64, epoch=1), Entrance.DIVERGED),
    ],
)
def test_a_copy_comes_into_a_later_generation_at_the_very_entry_where_it_begins(
    first: LogEntry, how: Entrance
) -> None:
    assert entrance(POSITION, first) is how


def test_only_an_entry_that_begins_a_generation_leads_into_it() -> None:
    plain = replace(entry(8, 2, "h" * 64), log_generation=LogGeneration(2))
    assert follows(POSITION, plain) == "log generation 2, not 1"


def test_no_generation_leads_back_into_an_earlier_one() -> None:
    later = replace(POSITION, log_generation=LogGeneration(3))
    assert follows(later, beginning(8, "h" * 64)) == "log generation 2, not 3"
