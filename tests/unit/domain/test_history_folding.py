"""What flipped back and forth is one line of the history, and nothing is lost in others."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.history import StatusLine
from shared.domain.history_folding import LEAST, QUIET_MS, fold_history
from shared.domain.ids import NodeId

BRAVO, BERLIN = NodeId("bravo"), NodeId("berlin")


def line(
    at: int, sentence: str, fact: str = "failover.readiness_changed", **body: Any
) -> StatusLine:
    node = sentence.partition(" ")[0]
    return StatusLine(
        id=f"{fact}{at}{node}",
        at_unix_ms=at,
        speaker=NodeId("alpha"),
        fact=fact,
        nodes=(node,),
        sentence=sentence,
        body={"node": node, **body},
        is_state=fact.endswith("_changed"),
    )


def able(at: int) -> StatusLine:
    return line(at, "bravo could take the role over", could_take_over=True)


def unable(at: int, reason: str = "it lags") -> StatusLine:
    return line(at, f"bravo could not take over: {reason}", could_take_over=False)


def newest_first(*lines: StatusLine) -> list[StatusLine]:
    return sorted(lines, key=lambda each: each.at_unix_ms, reverse=True)


def test_14_flips_are_one_line_that_counts_what_was_wrong() -> None:
    flips = [each for n in range(14) for each in (unable(n * 30_000), able(n * 30_000 + 9_000))]

    (folded,) = fold_history(newest_first(*flips))

    assert folded.repeated is not None
    assert folded.repeated.what == "bravo could not take over"
    assert (folded.repeated.times, folded.repeated.changes) == (14, 28)
    assert (folded.repeated.first_unix_ms, folded.repeated.last_unix_ms) == (0, 13 * 30_000)
    assert folded.sentence == "bravo could take the role over"


def test_a_few_changes_stay_as_they_are() -> None:
    lines = newest_first(unable(0), able(10_000), unable(20_000))
    assert fold_history(lines) == tuple(lines)


def test_what_lies_in_between_stays_in_its_place() -> None:
    other = line(25_000, "berlin is dead, was alive: silence", "node.state_changed", state="dead")
    flips = [unable(0), able(10_000), unable(20_000), able(30_000)]

    folded = fold_history(newest_first(*flips, other))

    assert [each.nodes for each in folded] == [("bravo",), ("berlin",)]
    assert folded[1] == other


def test_a_long_quiet_ends_a_run() -> None:
    first = [unable(0), able(1), unable(2), able(3)]
    later = [unable(4 + QUIET_MS), able(5 + QUIET_MS), unable(6 + QUIET_MS), able(7 + QUIET_MS)]
    assert len(fold_history(newest_first(*first, *later))) == 2


def test_a_change_of_the_primary_is_always_shown_and_ends_a_run() -> None:
    fact = "failover.primary_changed"
    changes = [line(at * 10, f"bravo is primary of epoch {at}: takeover", fact) for at in range(9)]
    flips = [unable(1), able(2), unable(21), able(22)]
    lines = newest_first(*changes, *flips)
    assert fold_history(lines) == tuple(lines)


def test_a_node_that_dies_again_and_again_is_counted_as_dead() -> None:
    flips = [
        line(at, f"berlin is {state}, was x: cause", "node.state_changed", state=state)
        for at, state in enumerate(["dead", "alive", "suspect", "dead", "alive", "dead"])
    ]
    (folded,) = fold_history(newest_first(*flips))
    assert folded.repeated is not None
    assert (folded.repeated.what, folded.repeated.times) == ("berlin is dead", 3)


def test_what_is_no_state_is_never_folded() -> None:
    lines = newest_first(*(line(at, "admin: sync done", "operation.ended") for at in range(20)))
    assert fold_history(lines) == tuple(lines)


def node_line(at: int, state: str, node: NodeId) -> StatusLine:
    return line(at, f"{node} is {state}", "node.state_changed", state=state)


LINES = st.lists(
    st.builds(
        node_line,
        st.integers(0, 5 * QUIET_MS),
        st.sampled_from(["alive", "dead"]),
        st.sampled_from([BRAVO, BERLIN]),
    ),
    max_size=40,
)


@given(LINES)
def test_every_change_is_shown_or_counted_and_the_order_is_kept(lines: list[StatusLine]) -> None:
    folded = fold_history(newest_first(*lines))
    counts = [1 if each.repeated is None else each.repeated.changes for each in folded]
    assert sum(counts) == len(lines)
    assert all(count == 1 or count >= LEAST for count in counts)
    assert [each.at_unix_ms for each in folded] == sorted(
        (each.at_unix_ms for each in folded), reverse=True
    )
