"""What the lease's key says, as text; who signed it is the store's business."""

import json
from dataclasses import asdict, dataclass

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
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no lease record: {error}") from error
        if not 0 <= record.margin < record.ttl < float("inf") or record.epoch < 1:
            raise ValueError("no lease record: its times or its epoch make no sense")
        return record


@dataclass(frozen=True, slots=True)
class Seen:
    """The key as a read found it: no record where it is missing (revision 0), or holds none."""

    record: LeaseRecord | None
    revision: int


MISSING = Seen(None, 0)
