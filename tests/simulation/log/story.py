"""What happens to a log, its two writers and its followers in a seed's story, and who judges it."""

import random
from typing import Final

from shared.domain.ids import Epoch, RequestId, Revision, Sequence
from shared.domain.log import LogEntry, StoredEntry
from tests.simulation.log.world import Copy, Log, Master, forgery, proposal

STEPS: Final = 120


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
        self.reference = Copy()
        self.history = {Revision(0): ("0" * 64, "{}")}
        self.written: dict[RequestId, Revision] = {}

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
        """Every copy is a prefix of the one history, and every acknowledged change is in it."""
        for number in range(self.reference.follower.read_to + 1, self.log.end + 1):
            self._read(Sequence(number))
        for copy in (*self.followers, *(master.copy for master in self.masters)):
            known_hash, known_documents = self.history[copy.marker.revision]
            if copy.marker.revision:
                assert copy.marker.hash == known_hash
                assert repr(sorted(copy.documents.items())) == known_documents
        for request_id, revision in self.acknowledged.items():
            assert self.written[request_id] == revision

    def _read(self, sequence: Sequence) -> None:
        """Let the perfect reader see one message more."""
        reference, before = self.reference, self.reference.marker.revision
        message = self.log.get(sequence)
        reference.offer(sequence, message)
        marker = reference.marker
        if marker.revision == before:
            return
        self.history[marker.revision] = (marker.hash, repr(sorted(reference.documents.items())))
        entry = LogEntry.decode(StoredEntry.decode(message).body)
        self.written |= {each.request_id: entry.revision for each in entry.changes}


def tell(seed: int) -> Story:
    """The story of *seed*; looked at after every step."""
    story = Story(seed)
    for _ in range(STEPS):
        story.step()
        story.check()
    return story
