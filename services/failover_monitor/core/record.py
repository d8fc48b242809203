"""The lease's key: the record in it as text, and the result of a read.

The store checks who signed a record.
"""

import json
from dataclasses import asdict, dataclass

from shared.decoding.fields import decode_object
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import REVISIONS_OF_A_BUCKET


@dataclass(frozen=True, slots=True)
class Holder:
    """One process of a master; a new process is another holder."""

    node: NodeId
    instance: str


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The record that *holder*'s process *instance* is primary of *epoch*; *n* counts its records.

    *ttl* and *margin* are in seconds. *replaces* is the revision that the record was written to
    replace; it is part of the signed text, so a copy that somebody puts into the key later differs
    from the record itself. Records without it were written before it was introduced.
    """

    epoch: Epoch
    holder: NodeId
    instance: str
    n: int
    ttl: float
    margin: float
    replaces: int | None = None

    def encode(self) -> str:
        """Write the text that is signed and stored."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def decode(text: str) -> "LeaseRecord":
        """Read a record's text.

        Raises:
            Undecodable: the text is no record.
        """
        fields = decode_object(text, "lease record")
        record = LeaseRecord(
            epoch=Epoch(fields.integer("epoch", least=1)),
            holder=NodeId(fields.text("holder")),
            instance=fields.text("instance"),
            n=fields.integer("n"),
            ttl=fields.number("ttl"),
            margin=fields.number("margin"),
            replaces=fields.integer("replaces") if "replaces" in fields else None,
        )
        if not 0 <= record.margin < record.ttl:
            raise fields.wrong("ttl", "not larger than the margin")
        return record

    def is_older_than(self, other: "LeaseRecord") -> bool:
        """Say whether *other* was certainly written later."""
        if self.epoch != other.epoch:
            return self.epoch < other.epoch
        is_same_process = (self.holder, self.instance) == (other.holder, other.instance)
        return is_same_process and self.n < other.n


@dataclass(frozen=True, slots=True)
class KeyState:
    """The key at *revision*, as a read found it; *record* is None where the key holds junk.

    Junk is everything but the record of a known master in the place where that master put it:
    other bytes, a copy of a record, or nothing after somebody deleted the key.
    """

    record: LeaseRecord | None
    revision: int


def are_of_one_bucket(revision: int, other: int) -> bool:
    """Say whether both are revisions of the same bucket.

    Revisions of a bucket that is made after a loss begin above all revisions of the old one.
    """
    return (revision - 1) // REVISIONS_OF_A_BUCKET == (other - 1) // REVISIONS_OF_A_BUCKET
