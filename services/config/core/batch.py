"""Group commit: several waiting proposals in one entry, an invalid one refused alone.

A request id that is in the log already is answered with its recorded revision; the same id with
another content is refused. What does not fit into the entry waits for the next.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.core.documents import Documents, Ref, operation, tried
from shared.domain.errors import InvalidChange, Rejected, RequestReused
from shared.domain.ids import Epoch, LogGeneration, RequestId, Revision, UnixMillis
from shared.domain.log import ENTRY_LIMIT_BYTES, Change, LogEntry
from shared.events.config import ProposeChanges

HEAD_BYTES: Final = 2_048
"""Room in an entry for what is not a change."""

NO_GENERATION: Final = LogGeneration(0)
NO_REVISION: Final = Revision(0)
NO_EPOCH: Final = Epoch(0)
NEVER: Final = UnixMillis(0)


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that is in the log: what it asked for, and where."""

    digest: str
    revision: Revision


@dataclass
class Batch:
    """What one entry is to hold, and what becomes of each proposal.

    *changes* go into the entry; *accepted* are answered when it is committed, *refused* and
    *repeated* at once; *waiting* did not fit and come next.
    """

    changes: list[Change] = field(default_factory=list[Change])
    accepted: list[RequestId] = field(default_factory=list[RequestId])
    refused: dict[RequestId, Rejected] = field(default_factory=dict[RequestId, Rejected])
    repeated: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    waiting: list[RequestId] = field(default_factory=list[RequestId])
    size_bytes: int = 0


def digest(proposal: ProposeChanges) -> str:
    """SHA-256 of what a proposal asks for and who asks, 64 hex digits."""
    content = [proposal.author, [change.model_dump(mode="json") for change in proposal.changes]]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def gathered(
    documents: Documents,
    proposals: tuple[ProposeChanges, ...],
    answered: Mapping[RequestId, Answered],
    next_revision: Revision,
) -> Batch:
    """The entry that *proposals* make together, in their order."""
    batch = Batch()
    for proposal in proposals:
        proof = digest(proposal)
        earlier = answered.get(proposal.request_id)
        if earlier is not None:
            _repeat(batch, proposal, earlier, proof)
            continue
        try:
            outcome = tried(documents, proposal.changes)
            changes = _changes(proposal, outcome, proof)
            size = _size(changes)
        except Rejected as error:
            batch.refused[proposal.request_id] = error
            continue
        if batch.changes and batch.size_bytes + size > ENTRY_LIMIT_BYTES - HEAD_BYTES:
            batch.waiting.append(proposal.request_id)
            continue
        batch.changes += changes
        batch.size_bytes += size
        batch.accepted.append(proposal.request_id)
        documents = documents.with_(outcome, next_revision)
    return batch


def _repeat(batch: Batch, proposal: ProposeChanges, earlier: Answered, proof: str) -> None:
    if earlier.digest == proof:
        batch.repeated[proposal.request_id] = earlier.revision
        return
    batch.refused[proposal.request_id] = RequestReused(
        f"request id {proposal.request_id} was used before for another change"
    )


def _changes(proposal: ProposeChanges, outcome: Mapping[Ref, Any], proof: str) -> list[Change]:
    return [
        Change(
            kind=change.kind,
            id=change.id,
            op=operation(change),
            body=outcome[change.kind, change.id],
            author=proposal.author,
            request_id=proposal.request_id,
            request_digest=proof,
        )
        for change in proposal.changes
    ]


def _size(changes: list[Change]) -> int:
    """The bytes that *changes* take in an entry, as they will be written."""
    size = len(LogEntry(NO_GENERATION, NO_REVISION, NO_EPOCH, tuple(changes), NEVER, "").encode())
    if size > ENTRY_LIMIT_BYTES - HEAD_BYTES:
        raise InvalidChange(
            f"the request is too large for one entry of the log ({size} of {ENTRY_LIMIT_BYTES} "
            "bytes); split it"
        )
    return size
