"""What the lease's key says, as text; who signed it is the store's business."""

import json
from dataclasses import asdict, dataclass

from shared.decoding.fields import decode_object
from shared.domain.ids import Epoch, NodeId


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """*holder*'s process *instance* is primary of *epoch*; *n* counts what that process wrote."""

    epoch: Epoch
    holder: NodeId
    instance: str
    n: int
    ttl: float
    margin: float

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
        )
        if not 0 <= record.margin < record.ttl:
            raise fields.wrong("ttl", "not larger than the margin")
        return record


@dataclass(frozen=True, slots=True)
class Seen:
    """The key as a read found it: no record where it is missing (revision 0), or holds none."""

    record: LeaseRecord | None
    revision: int


MISSING = Seen(None, 0)
