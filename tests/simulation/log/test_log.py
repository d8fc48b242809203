"""Two masters that take turns, followers that miss, repeat and restart; one history."""

import random

import pytest

from services.replication.core.follower import LOG_LOST_SECONDS, ChainCheck
from shared.domain.ids import Epoch, Instant, Sequence
from shared.domain.log import StoredEntry
from tests.simulation.log.story import STEPS, Story, tell
from tests.simulation.log.world import Copy, Log, Master, proposal

SEEDS = range(100)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_copy_is_a_prefix_of_one_history_and_nothing_acknowledged_is_lost(seed: int) -> None:
    tell(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_epochs_never_fall_and_each_has_one_writer(seed: int) -> None:
    story = Story(seed)
    for _ in range(STEPS):
        story.step()

    writers: dict[Epoch, set[str]] = {}
    last = Epoch(0)
    reader = Copy()
    for number in range(1, story.log.end + 1):
        before = reader.marker.revision
        message = story.log.get(Sequence(number))
        reader.offer(Sequence(number), message)
        if reader.marker.revision == before:
            continue
        assert reader.marker.epoch >= last
        last = reader.marker.epoch
        writers.setdefault(last, set()).add(StoredEntry.decode(message).signer)
    assert all(len(names) == 1 for epoch, names in writers.items() if epoch)


def test_a_repeated_request_is_answered_with_its_first_revision() -> None:
    log, master = Log(), Master("alpha")
    master.begin(log, Epoch(1))
    wish = proposal(random.Random(1), 1)

    first = master.propose(log, wish)
    length = log.end

    assert master.propose(log, wish) == first
    assert log.end == length


def test_a_master_that_is_behind_cannot_write() -> None:
    log, old, new = Log(), Master("alpha"), Master("bravo")
    old.begin(log, Epoch(1))
    new.begin(log, Epoch(2))

    assert old.propose(log, proposal(random.Random(3), 1)) is None
    assert not old.begin(log, Epoch(1))
    assert new.propose(log, proposal(random.Random(3), 2)) is not None


def test_a_copy_whose_place_is_not_on_the_chain_has_diverged() -> None:
    log, master = Log(), Master("alpha")
    master.begin(log, Epoch(1))
    marker = master.copy.marker

    assert ChainCheck().found(marker, marker.hash, Instant(0)) == "following"
    assert ChainCheck().found(marker, "0" * 64, Instant(0)) == "diverged"
    assert ChainCheck().found(Copy().marker, None, Instant(0)) == "following"


def test_a_log_is_lost_only_when_it_stays_short() -> None:
    log, master, chain = Log(), Master("alpha"), ChainCheck()
    master.begin(log, Epoch(1))
    marker = master.copy.marker

    assert chain.found(marker, None, Instant(5.0)) == "unsure"
    assert chain.found(marker, None, Instant(4.9 + LOG_LOST_SECONDS)) == "unsure"
    assert chain.found(marker, marker.hash, Instant(6.0)) == "following"
    assert chain.found(marker, None, Instant(100.0)) == "unsure"
    assert chain.found(marker, None, Instant(100.0 + LOG_LOST_SECONDS)) == "log_lost"
