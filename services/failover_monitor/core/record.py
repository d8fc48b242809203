"""What the lease's key says, as text; who signed it is the store's business."""

import json
from dataclasses import asdict, dataclass

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
            ValueError: the text is no record.
        """
        try:
            document = json.loads(text)
            record = LeaseRecord(
                epoch=Epoch(int(document["epoch"])),
                holder=NodeId(str(document["holder"])),
                instance=str(document["instance"]),
                n=int(document["n"]),
                ttl=float(document["ttl"]),
                margin=float(document["margin"]),
                replaces=None if document.get("replaces") is None else int(document["replaces"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no lease record: {error}") from error
        if not 0 <= record.margin < record.ttl < float("inf") or record.epoch < 1:
            raise ValueError("no lease record: its times or its epoch make no sense")
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
