"""What the lease's key says, as text; who signed it is the store's business."""

import json
from dataclasses import asdict, dataclass

from shared.decoding.fields import decode_object
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import REVISIONS_OF_A_BUCKET


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """*holder*'s process *instance* is primary of *epoch*; *n* counts what that process wrote.

    *replaces* is the revision that it was written upon. It is signed with the rest, so a copy that
    somebody puts into the key later is told from the record itself; None in records of versions
    that did not say so.
    """

    epoch: Epoch
    holder: NodeId
    instance: str
    n: int
    ttl: float
    margin: float
    replaces: int | None = None

    def encode(self) -> str:
        """The text that is signed and stored."""
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
        """Whether *other* was certainly written later."""
        if self.epoch != other.epoch:
            return self.epoch < other.epoch
        is_same_process = (self.holder, self.instance) == (other.holder, other.instance)
        return is_same_process and self.n < other.n


@dataclass(frozen=True, slots=True)
class Seen:
    """The key as a read found it, at *revision*; no record where it holds junk.

    Junk is whatever is not the record of a known master where that master put it: any other
    bytes, a copy of a record, nothing at all after somebody deleted the key.
    """

    record: LeaseRecord | None
    revision: int


def are_of_one_bucket(revision: int, other: int) -> bool:
    """Whether both are revisions of the same bucket; one made after a loss begins further on."""
    return (revision - 1) // REVISIONS_OF_A_BUCKET == (other - 1) // REVISIONS_OF_A_BUCKET
