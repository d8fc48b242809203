"""Whether a lost log is rebuilt, from whose database, and what is recorded when it is not."""

from dataclasses import replace

import pytest

from services.config.core.rebuilding import (
    Beginning,
    MasterPosition,
    first_entry,
    latest,
    left_behind,
    require_lost,
    require_reports,
)
from shared.domain.errors import AnotherHistory, LogNotLost, MasterSilent
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence, UnixMillis
from shared.domain.log import LogPosition, follows

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")


def at(
    node: NodeId, revision: int, hash_: str = "h", digest: str = "d", generation: int = 1
) -> MasterPosition:
    position = LogPosition(
        *(LogGeneration(generation), Revision(revision), Sequence(revision)),
        *(Epoch(2), f"{hash_}{revision}"),
    )
    return MasterPosition(node, position, digest, in_log=False, calls_lost=True)


def test_a_log_that_both_call_lost_is_lost() -> None:
    require_lost((at(ALPHA, 7), at(BRAVO, 5)))


def test_a_log_that_holds_either_masters_last_entry_is_whole() -> None:
    whole = replace(at(BRAVO, 5), in_log=True)
    with pytest.raises(LogNotLost, match="holds the last entry of bravo's database"):
        require_lost((at(ALPHA, 7), whole))


def test_a_log_that_may_yet_prove_whole_is_waited_for() -> None:
    unsure = replace(at(BRAVO, 5), calls_lost=False)
    with pytest.raises(LogNotLost, match="bravo does not call the log lost yet; wait 20 s"):
        require_lost((at(ALPHA, 7), unsure))


def test_an_empty_database_has_nothing_that_could_be_lost() -> None:
    require_lost((at(ALPHA, 7), replace(at(BRAVO, 0), calls_lost=False)))


def test_a_silent_master_has_to_be_forced() -> None:
    with pytest.raises(MasterSilent, match="degraded mode and are on bravo alone") as refused:
        require_reports([BRAVO], force=False)
    assert refused.value.attributes == {"masters": (BRAVO,)}
    require_reports([BRAVO], force=True)
    require_reports([], force=False)


def test_the_longest_database_is_gone_on_from_and_of_equals_the_first() -> None:
    assert latest((at(ALPHA, 5), at(BRAVO, 7))).node == BRAVO
    assert latest((at(ALPHA, 7), at(BRAVO, 7))).node == ALPHA


def test_a_later_generation_is_gone_on_from_also_by_the_shorter_database() -> None:
    promoted, longer = at(BRAVO, 5, generation=2), at(BRAVO, 6, generation=2)
    assert latest((at(ALPHA, 7), promoted)) == promoted
    assert latest((promoted, at(ALPHA, 7))) == promoted
    assert latest((at(ALPHA, 5, generation=2), longer, at(ALPHA, 9))) == longer


def test_an_empty_database_is_no_later_generations() -> None:
    assert latest((at(ALPHA, 7), at(BRAVO, 0, generation=2))).node == ALPHA


def test_nothing_is_rebuilt_from_nothing() -> None:
    with pytest.raises(AnotherHistory, match="no master's database holds an entry"):
        latest((at(ALPHA, 0), at(BRAVO, 0)))


HISTORY = {Revision(revision): f"h{revision}" for revision in range(1, 8)}


@pytest.mark.parametrize("other", [at(BRAVO, 5), at(BRAVO, 7), at(BRAVO, 0, "any")])
@pytest.mark.parametrize("generation", [1, 2])
def test_the_beginning_of_the_longest_is_of_its_history(
    other: MasterPosition, generation: int
) -> None:
    chosen = at(ALPHA, 7, generation=generation)
    assert left_behind(chosen, [other], HISTORY, force=False) == ()
    assert left_behind(chosen, [other], HISTORY, force=True) == ()


@pytest.mark.parametrize("hashes", [{Revision(5): "other"}, {}])
@pytest.mark.parametrize("force", [False, True])
def test_another_history_and_one_that_nobody_can_decide_are_not_merged(
    hashes: dict[Revision, str], force: bool
) -> None:
    with pytest.raises(AnotherHistory) as refused:
        left_behind(at(ALPHA, 7), [at(BRAVO, 5)], hashes, force=force)
    assert refused.value.message == (
        "bravo's database (generation 1, revision 5) is not the beginning of alpha's "
        "(generation 1, revision 7); stop the config service of the one whose changes are to give "
        "way, and rebuild from the other with --force"
    )


@pytest.mark.parametrize("revision", [5, 7, 9])
def test_another_history_of_an_earlier_generation_gives_way_by_order(revision: int) -> None:
    promoted, other = at(ALPHA, 7, generation=2), at(BRAVO, revision, "other")
    with pytest.raises(AnotherHistory) as refused:
        left_behind(promoted, [other], HISTORY, force=False)
    assert refused.value.message == (
        f"bravo's database (generation 1, revision {revision}) is not the beginning of alpha's "
        "(generation 2, revision 7), which is of a later generation; add --force to go on from "
        "alpha's: what bravo alone has is then not in the log, and kept as a conflict when it "
        "follows"
    )
    assert left_behind(promoted, [other], HISTORY, force=True) == (BRAVO,)


def test_databases_that_differ_under_the_same_last_entry_are_not_trusted() -> None:
    with pytest.raises(AnotherHistory, match="hold different documents"):
        left_behind(at(ALPHA, 7), [at(BRAVO, 7, digest="other")], {Revision(7): "h7"}, force=True)


@pytest.mark.parametrize(("ahead", "epoch"), [(None, 2), (Epoch(1002), 1002)])
def test_the_first_entry_goes_on_from_the_database(ahead: Epoch | None, epoch: int) -> None:
    own = at(ALPHA, 7)
    beginning = Beginning(LogGeneration(3), "rita", "it burnt", ahead)
    entry = first_entry(own, beginning, UnixMillis(5_000))
    assert follows(own.position, entry) is None
    assert (entry.log_generation, entry.revision, entry.epoch) == (3, 8, epoch)
    assert (entry.begins_generation, entry.begins_epoch) == (True, ahead is not None)
    first = entry.changes[0]
    assert (first.author, first.request_id) == ("rita", "generation-3")
    assert first.body == {
        "revision": 7,
        "hash": "h7",
        "epoch": epoch,
        "snapshot": "d",
        "node": ALPHA,
        "reason": "it burnt",
    }
