"""Where the leaders of the log servers belong."""

import pytest

from services.failover_monitor.core.leaders import LeaderMove, RaftGroup, plan_moves

BOTH = frozenset({"bravo", "witness"})
OTHERS = frozenset({"alpha", "witness"})


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (RaftGroup("LOG-1", "alpha", BOTH), (LeaderMove("LOG-1", "witness"),)),
        (RaftGroup("LOG-1", "alpha", frozenset({"bravo"})), (LeaderMove("LOG-1", "bravo"),)),
        (RaftGroup("LOG-1", "alpha", frozenset()), ()),
        (RaftGroup("LOG-1", "alpha", frozenset({"alpha"})), ()),
        (RaftGroup("LOG-1", "bravo", OTHERS), (LeaderMove("LOG-1", "witness"),)),
        (RaftGroup("LOG-1", "bravo", frozenset({"alpha"})), ()),
        (RaftGroup("LOG-1", "witness", frozenset({"alpha", "bravo"})), ()),
        (RaftGroup("LOG-1", None, BOTH), ()),
    ],
)
def test_a_leader_is_on_the_witness_and_beside_the_backup_only_while_it_is_away(
    group: RaftGroup, expected: tuple[LeaderMove, ...]
) -> None:
    assert plan_moves([group], own="alpha", witness="witness") == expected


def test_without_a_witness_a_leader_only_leaves_the_primary() -> None:
    groups = [RaftGroup("LOG-1", "alpha", BOTH), RaftGroup("EVENTS", "bravo", OTHERS)]
    assert plan_moves(groups, own="alpha", witness="") == (LeaderMove("LOG-1", "bravo"),)
