"""Decides for the group commit what one entry holds, and when its changes may be acknowledged.

Proposals that wait together go into one entry; an invalid one is refused alone. A request id that
is in the log already is answered with its recorded revision; the same id with another content is
refused. A proposal that does not fit into the entry waits for the next one.

A change is acknowledged when the backup has it too. A site that is `synchronous` goes on without
a backup as soon as the log says that it is detached; one that is `strict` never does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.documents import SITE_ID, Kind
from shared.documents.rules.changes import apply_changes
from shared.documents.rules.entry import (
    CHANGES_LIMIT_BYTES,
    ChangeRequest,
    entry_bytes,
    entry_changes,
)
from shared.documents.site import Durability, Replication
from shared.documents.state import Documents
from shared.domain.errors import Rejected, RequestReused
from shared.domain.ids import RequestId, Revision
from shared.domain.log import Change, ReplicationMode
from shared.domain.request import AnsweredRequest
from shared.events.config import ProposeChanges


@dataclass
class Batch:
    """The content of one entry, and the outcome of each proposal.

    *changes* go into the entry; *accepted* are answered when it is committed, *refused* and
    *repeated* at once; *waiting* did not fit and come next.
    """

    changes: list[Change] = field(default_factory=list[Change])
    accepted: list[RequestId] = field(default_factory=list[RequestId])
    refused: dict[RequestId, Rejected] = field(default_factory=dict[RequestId, Rejected])
    repeated: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    waiting: list[RequestId] = field(default_factory=list[RequestId])
    size_bytes: int = 0


def digest_of(proposal: ProposeChanges) -> str:
    """Return the SHA-256 of what a proposal asks for and who asks, as 64 hex digits."""
    content = [proposal.author, [change.model_dump(mode="json") for change in proposal.changes]]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def build_batch(
    documents: Documents,
    proposals: tuple[ProposeChanges, ...],
    answered: Mapping[RequestId, AnsweredRequest],
    next_revision: Revision,
) -> Batch:
    """Build the entry that *proposals* make together, in their order.

    *answered* are those of them that are in the log already.
    """
    batch = Batch()
    for proposal in proposals:
        digest = digest_of(proposal)
        earlier = answered.get(proposal.request_id)
        if earlier is not None:
            _repeat(batch, proposal, earlier, digest)
            continue
        try:
            outcome = apply_changes(documents, proposal.changes)
            request = ChangeRequest(proposal.author, proposal.request_id, digest)
            changes = entry_changes(proposal.changes, outcome, request)
            size = entry_bytes(changes)
        except Rejected as error:
            batch.refused[proposal.request_id] = error
            continue
        if batch.changes and batch.size_bytes + size > CHANGES_LIMIT_BYTES:
            batch.waiting.append(proposal.request_id)
            continue
        batch.changes += changes
        batch.size_bytes += size
        batch.accepted.append(proposal.request_id)
        documents = documents.with_(outcome, next_revision)
    return batch


def replication_rules(documents: Documents) -> Replication:
    """Return the site's rules of replication; the defaults before there is a site document."""
    site = documents.get(Kind.SITE, SITE_ID)
    return Replication() if site is None else Replication.model_validate(site.body["replication"])


def requires_attached_backup(rules: Replication, changes: Sequence[Change]) -> bool:
    """Say whether *changes* may be written only while a backup is attached.

    Under strict durability all must wait, but those that end it: they are the way out when the
    backup does not come back.
    """
    if rules.durability is not Durability.STRICT or not changes:
        return False
    return not any(
        change.kind == Kind.SITE
        and (change.body or {}).get("replication", {}).get("durability") != Durability.STRICT
        for change in changes
    )


def may_acknowledge_alone(rules: Replication, mode: ReplicationMode) -> bool:
    """Say whether to acknowledge a change in the log though no backup is known to have it."""
    return mode is ReplicationMode.DEGRADED and rules.durability is not Durability.STRICT


def _repeat(batch: Batch, proposal: ProposeChanges, earlier: AnsweredRequest, digest: str) -> None:
    if earlier.digest == digest:
        batch.repeated[proposal.request_id] = earlier.revision
        return
    batch.refused[proposal.request_id] = RequestReused(
        f"request id {proposal.request_id} was used before for another change"
    )
