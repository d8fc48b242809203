"""The follower's judgement: one history from one log, wherever and however often it is read."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.replication.core.follower import (
    LOG_LOST_SECONDS,
    Apply,
    ChainCheck,
    Fetch,
    Follower,
    Known,
    SilenceCheck,
    Skip,
    Standing,
    Verdict,
)
from shared.clusterlog.log import verify
from shared.domain.ids import Epoch, Instant, LogGeneration, Revision, Sequence
from shared.domain.log import EMPTY_HASH, LogPosition, Op, StoredEntry, empty_position
from tests.integration.entries import GENERATION, EntryWriter, control, node, put

START = empty_position(GENERATION)


def entry(entry_writer: EntryWriter, name: str = "berlin") -> StoredEntry:
    return entry_writer.write(put("node", name, node()))


def judge(follower: Follower, sequence: int, stored: StoredEntry | None) -> Verdict:
    return follower.judge(Sequence(sequence), stored, proven=True)


def apply(follower: Follower, verdict: Apply, sequence: int) -> None:
    at, stored = Sequence(sequence), verdict.stored
    follower.record_applied(LogPosition.of(verdict.entry, stored.hash, at))
    follower.record_read(at)


def test_the_next_entry_is_applied() -> None:
    stored = entry(EntryWriter())
    verdict = judge(Follower(START), 1, stored)
    assert isinstance(verdict, Apply)
    assert verdict.stored == stored
    assert verdict.entry.revision == 1


def test_what_was_read_before_is_known() -> None:
    entry_writer = EntryWriter()
    stored = entry(entry_writer)
    assert judge(Follower(entry_writer.position), 1, stored) == Known()


def test_a_gap_is_fetched_before_anything_is_checked() -> None:
    entry_writer = EntryWriter()
    stored = [entry(entry_writer, name) for name in ("a", "b", "c")]
    follower = Follower(START)
    assert judge(follower, 3, stored[2]) == Fetch(Sequence(1))
    assert judge(follower, 3, None) == Fetch(Sequence(1))


def test_a_message_that_is_no_entry_is_skipped() -> None:
    assert judge(Follower(START), 1, None) == Skip("it is no log entry")


def test_an_entry_that_nobody_known_signed_is_skipped() -> None:
    verdict = Follower(START).judge(Sequence(1), entry(EntryWriter()), proven=False)
    assert verdict == Skip("no known master signed it", "alpha")


def test_signed_bytes_that_are_no_entry_are_skipped() -> None:
    verdict = judge(Follower(START), 1, EntryWriter().sign(b'{"revision": "x"}'))
    assert isinstance(verdict, Skip)
    assert verdict.reason.startswith("log entry: ")


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (replace(START, hash="f" * 64), "another history"),
        (replace(START, revision=Revision(4)), "revision 1, not 5"),
        (replace(START, epoch=Epoch(3)), "epoch 0, not 3"),
        (replace(START, log_generation=LogGeneration(2)), "log generation 1, not 2"),
    ],
)
def test_an_entry_that_does_not_follow_is_skipped(position: LogPosition, reason: str) -> None:
    verdict = judge(Follower(position), 1, entry(EntryWriter()))
    assert isinstance(verdict, Skip)
    assert reason in verdict.reason


def test_after_a_skipped_message_the_history_goes_on() -> None:
    entry_writer, follower = EntryWriter(), Follower(START)
    assert isinstance(judge(follower, 1, None), Skip)
    follower.record_read(Sequence(1))
    entry_writer.skip()
    verdict = judge(follower, 2, entry(entry_writer))
    assert isinstance(verdict, Apply)
    apply(follower, verdict, 2)
    assert follower.position == entry_writer.position
    assert (follower.position.revision, follower.position.sequence) == (1, 2)


def test_a_copy_of_an_earlier_generation_reads_a_later_one_from_its_first_message() -> None:
    entry_writer = EntryWriter()
    entry(entry_writer)
    follower = Follower(entry_writer.position, LogGeneration(2))
    assert follower.read_to == 0
    began = judge(follower, 1, entry_writer.begin(2))
    assert isinstance(began, Apply)
    apply(follower, began, 1)
    assert (follower.position, follower.read_to) == (entry_writer.position, 1)


def test_the_beginning_of_a_generation_counts_in_its_own_log_alone() -> None:
    entry_writer = EntryWriter()
    entry(entry_writer)
    follower = Follower(entry_writer.position)
    verdict = judge(follower, 2, entry_writer.begin(2))
    assert isinstance(verdict, Skip)
    assert verdict.reason == "log generation 2, not 1"


def test_an_epoch_begins_by_its_entry_alone() -> None:
    entry_writer, follower = EntryWriter(), Follower(START)
    late = entry_writer.draft(put("node", "x", node()), epoch=2)
    assert isinstance(judge(follower, 1, late), Skip)
    began = entry_writer.write(control(Op.EPOCH_BEGAN, {"node": "bravo"}), epoch=2)
    assert isinstance(judge(follower, 1, began), Apply)


def test_the_deposed_primarys_entry_after_the_new_epoch_is_skipped() -> None:
    entry_writer, follower = EntryWriter(), Follower(START)
    old = entry_writer.draft(put("node", "old", node()))
    began = judge(follower, 1, entry_writer.write(control(Op.EPOCH_BEGAN, {}), epoch=1))
    assert isinstance(began, Apply)
    apply(follower, began, 1)
    assert isinstance(judge(follower, 2, old), Skip)


def test_nothing_is_applied_before_it_is_read() -> None:
    entry_writer = EntryWriter()
    entry(entry_writer)
    follower = Follower(START)
    follower.record_applied(replace(entry_writer.position, sequence=Sequence(9)))
    with pytest.raises(AssertionError, match="before it is read"):
        follower.record_read(Sequence(1))


def test_messages_are_passed_without_a_gap() -> None:
    with pytest.raises(AssertionError, match="without a gap"):
        Follower(START).record_read(Sequence(2))


def test_a_copy_does_not_go_back() -> None:
    entry_writer = EntryWriter()
    entry(entry_writer)
    with pytest.raises(AssertionError, match="does not go back"):
        Follower(entry_writer.position).record_applied(START)


def carried_out(
    follower: Follower, log: list[StoredEntry | None], entry_writer: EntryWriter, at: int
) -> None:
    """Deliver the message at *at* and do what the follower says."""
    stored = log[at - 1]
    proven = stored is not None and verify(stored, entry_writer.trust())
    match follower.judge(Sequence(at), stored, proven=proven):
        case Apply() as verdict:
            apply(follower, verdict, at)
        case Skip():
            follower.record_read(Sequence(at))
        case Fetch(first):
            for number in range(first, at + 1):
                carried_out(follower, log, entry_writer, number)
        case Known():
            pass


def a_log(kinds: list[str]) -> tuple[list[StoredEntry | None], EntryWriter]:
    """A log as writers good and bad leave it behind, and the pen of the good one."""
    entry_writer, stranger = EntryWriter(), EntryWriter()
    log: list[StoredEntry | None] = []
    for kind in kinds:
        match kind:
            case "entry":
                log.append(entry(entry_writer))
                continue
            case "epoch":
                epoch = entry_writer.position.epoch + 1
                log.append(entry_writer.write(control(Op.EPOCH_BEGAN, {}), epoch=epoch))
                continue
            case "noise":
                log.append(None)
            case "forged":
                stranger.position = entry_writer.position
                log.append(stranger.draft(put("node", "evil", node())))
            case _:
                log.append(entry_writer.sign(b"{}"))
        entry_writer.skip()
    return log, entry_writer


kinds = st.lists(st.sampled_from(["entry", "epoch", "noise", "forged", "garbage"]), max_size=12)


@given(kinds=kinds, chance=st.randoms(use_true_random=False))
def test_every_follower_comes_to_the_same_history_in_whatever_order_messages_arrive(
    kinds: list[str], chance: random.Random
) -> None:
    log, entry_writer = a_log(kinds)
    follower = Follower(START)
    arrivals = [chance.randint(1, len(log)) for _ in log for _ in range(2)]
    for at in [*arrivals, *range(1, len(log) + 1)]:
        carried_out(follower, log, entry_writer, at)
    assert follower.read_to == len(log)
    assert follower.position.hash == entry_writer.position.hash
    assert follower.position.revision == entry_writer.position.revision
    assert follower.position.epoch == entry_writer.position.epoch


@given(kinds=kinds, cut=st.integers(0, 12))
def test_a_follower_that_starts_again_from_its_marker_comes_to_the_same_history(
    kinds: list[str], cut: int
) -> None:
    log, entry_writer = a_log(kinds)
    first = Follower(START)
    for at in range(1, min(cut, len(log)) + 1):
        carried_out(first, log, entry_writer, at)
    second = Follower(first.position)
    for at in range(1, len(log) + 1):
        carried_out(second, log, entry_writer, at)
    assert second.position.hash == entry_writer.position.hash


AT_THREE = LogPosition(GENERATION, Revision(3), Sequence(3), START.epoch, "a" * 64)


def test_a_position_on_the_chain_is_followed() -> None:
    assert ChainCheck().check(AT_THREE, "a" * 64, Instant(0)) is Standing.FOLLOWING


def test_an_empty_copy_is_on_every_chain() -> None:
    assert ChainCheck().check(START, None, Instant(0)) is Standing.FOLLOWING
    assert ChainCheck().check(START, EMPTY_HASH, Instant(0)) is Standing.FOLLOWING


@pytest.mark.parametrize("there", ["b" * 64, ""])
def test_another_entry_at_the_own_position_is_divergence(there: str) -> None:
    assert ChainCheck().check(AT_THREE, there, Instant(0)) is Standing.DIVERGED


def test_a_log_without_the_own_position_is_lost_after_a_while_only() -> None:
    check = ChainCheck()
    assert check.check(AT_THREE, None, Instant(100)) is Standing.UNSURE
    assert check.check(AT_THREE, None, Instant(100 + LOG_LOST_SECONDS - 0.1)) is Standing.UNSURE
    lost = check.check(AT_THREE, None, Instant(100 + LOG_LOST_SECONDS))
    assert lost is Standing.LOG_LOST


def test_a_log_that_proves_whole_is_lost_no_more_and_the_wait_begins_anew() -> None:
    check = ChainCheck()
    check.check(AT_THREE, None, Instant(0))
    check.check(AT_THREE, None, Instant(LOG_LOST_SECONDS))
    assert check.check(AT_THREE, AT_THREE.hash, Instant(30)) is Standing.FOLLOWING
    assert check.check(AT_THREE, None, Instant(31)) is Standing.UNSURE


def test_divergence_ends_the_wait_too() -> None:
    check = ChainCheck()
    check.check(AT_THREE, None, Instant(0))
    check.check(AT_THREE, "b" * 64, Instant(19))
    assert check.check(AT_THREE, None, Instant(21)) is Standing.UNSURE


def test_a_subscription_is_silent_when_readings_keep_finding_news() -> None:
    check = SilenceCheck()
    assert not check.read(1)
    assert check.read(5)


def test_one_message_may_cross_a_reading() -> None:
    check = SilenceCheck()
    assert not check.read(1)
    assert not check.read(0)
    assert not check.read(1)
    check.record_message()
    assert not check.read(1)


def test_a_new_subscription_is_given_its_time() -> None:
    check = SilenceCheck()
    check.read(1)
    assert check.read(1)
    assert not check.read(1)
