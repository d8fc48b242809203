"""Two masters that take turns, followers that miss, repeat and restart; one history."""

import random

import pytest

from services.replication.core.follower import LOG_LOST_SECONDS, ChainCheck
from shared.domain.ids import Epoch, Instant, RequestId, Revision, Sequence
from shared.domain.log import Change, LogEntry, StoredEntry
from tests.simulation.log.world import Copy, Log, Master, forgery, proposal

STEPS = 120
SEEDS = range(30)


class Story:
    """One seed's world, and the checks after every step."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.log = Log()
        self.masters = [Master("alpha"), Master("bravo")]
        self.followers = [Copy() for _ in range(3)]
        self.epoch = 0
        self.number = 0
        self.acknowledged: dict[RequestId, Revision] = {}

    def step(self) -> None:
        do = self.chance.choices(
            (self.write, self.take_over, self.deliver, self.forge, self.restart, self.repeat),
            (8, 1, 10, 1, 1, 2),
        )[0]
        do()

    def write(self) -> None:
        """Either master writes, also one that does not know yet that it was replaced."""
        self.number += 1
        wish = proposal(self.chance, self.number)
        revision = self.chance.choice(self.masters).propose(self.log, wish)
        if revision is not None:
            self.acknowledged[wish.request_id] = revision

    def take_over(self) -> None:
        self.epoch += 1
        self.chance.choice(self.masters).begin(self.log, Epoch(self.epoch))

    def deliver(self) -> None:
        """A follower sees some message: the next, an old one, or one after a gap."""
        follower = self.chance.choice(self.followers)
        if not self.log.messages:
            return
        sequence = Sequence(self.chance.randint(1, self.log.end))
        fetch = follower.offer(sequence, self.log.get(sequence))
        if fetch is not None:
            for number in range(fetch.sequence, sequence + 1):
                assert follower.offer(Sequence(number), self.log.get(Sequence(number))) is None

    def forge(self) -> None:
        self.log.append(forgery(self.chance, self.log), self.log.end)

    def restart(self) -> None:
        """A follower begins anew from another's snapshot."""
        source = self.chance.choice(self.followers)
        self.followers[self.chance.randrange(len(self.followers))] = Copy.of(source.snapshot())

    def repeat(self) -> None:
        """Somebody asks again with a request id that was answered."""
        if not self.number:
            return
        self.chance.choice(self.masters).copy.read_all(self.log)

    def check(self) -> None:
        reference, history = Copy(), {Revision(0): ("0" * 64, "{}")}
        for number in range(1, self.log.end + 1):
            reference.offer(Sequence(number), self.log.get(Sequence(number)))
            marker = reference.marker
            history[marker.revision] = (marker.hash, repr(sorted(reference.documents.items())))
        for copy in (*self.followers, *(master.copy for master in self.masters)):
            known_hash, known_documents = history[copy.marker.revision]
            if copy.marker.revision:
                assert copy.marker.hash == known_hash
                assert repr(sorted(copy.documents.items())) == known_documents
        written = {
            change.request_id: revision
            for revision, change in _changes(self.log)
            if change.request_id
        }
        for request_id, revision in self.acknowledged.items():
            assert written[request_id] == revision


def _changes(log: Log) -> list[tuple[Revision, Change]]:
    reader = Copy()
    found: list[tuple[Revision, Change]] = []
    for number in range(1, log.end + 1):
        before = reader.marker.revision
        message = log.get(Sequence(number))
        reader.offer(Sequence(number), message)
        if reader.marker.revision != before:
            entry = LogEntry.decode(StoredEntry.decode(message).body)
            found += [(entry.revision, change) for change in entry.changes]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_copy_is_a_prefix_of_one_history_and_nothing_acknowledged_is_lost(seed: int) -> None:
    story = Story(seed)

    for _ in range(STEPS):
        story.step()
        story.check()


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
