"""Checks the positions that followers prove when they are asked to sync.

A node proves its position with its own signature. All followers at one revision must have one
hash: a follower with another hash than the furthest follower at its revision has another history.
A follower at an earlier revision is only behind; it has checked its own hash against the log.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_hex
from shared.documents.node import NodeDocument
from shared.domain.errors import InvalidChange, MeridianError, NotFound, Unavailable
from shared.domain.ids import NodeId, Revision
from shared.domain.node import NodeRole
from shared.events.replication import FollowerProgressed, FollowerState

Verify = Callable[[str, bytes, bytes], bool]
"""Whether a public key's signature of some bytes holds."""

SILENT: Final = "silent"
UNPROVED: Final = "unproved"


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """The answer of *node*: its position, or the error that came instead."""

    node: NodeId
    progress: FollowerProgressed | None = None
    error: MeridianError | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """One node's row: the state and position of its copy; *code* says what is wrong."""

    node: NodeId
    state: str
    revision: Revision | None = None
    hash: str = ""
    lag: int | None = None
    code: str = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        return not self.code


def nodes_to_sync(known: Mapping[NodeId, NodeDocument], wanted: Sequence[NodeId]) -> list[NodeId]:
    """Choose the nodes to sync: those *wanted*, or all that keep a copy when none is.

    Raises:
        NotFound: a node of that name is not configured.
        InvalidChange: it keeps no copy.
    """
    for node in wanted:
        if node not in known:
            raise NotFound(
                f"there is no node {node!r}: see `meridian status`", kind="node", id=node
            )
        if known[node].role is NodeRole.WITNESS:
            raise InvalidChange(f"{node} is the witness: it keeps no copy", field="nodes")
    keepers = (node for node, each in known.items() if each.role is not NodeRole.WITNESS)
    return sorted(wanted or keepers)


def check_proofs(
    answers: Sequence[SyncAnswer], keys: Mapping[NodeId, str], verify: Verify
) -> tuple[Proof, ...]:
    """Check each of *answers*, in their order; *keys* are the nodes' public keys."""
    proved = {
        each.node: each.progress
        for each in answers
        if each.progress is not None and _is_signed(each.progress, keys.get(each.node), verify)
    }
    furthest = max(proved.values(), key=lambda progress: progress.revision, default=None)
    return tuple(_row(each, proved.get(each.node), furthest) for each in answers)


def _row(
    answer: SyncAnswer, proved: FollowerProgressed | None, furthest: FollowerProgressed | None
) -> Proof:
    if answer.error is not None:
        return _refusal(answer.node, answer.error)
    if proved is None or furthest is None:
        detail = f"what {answer.node} says is not signed with the key in its document"
        return Proof(answer.node, UNPROVED, code="bad_signature", detail=detail)
    code, detail = _fault(proved, furthest)
    return Proof(
        answer.node,
        proved.state,
        proved.revision,
        proved.hash,
        max(proved.lag, furthest.revision - proved.revision),
        code,
        detail,
    )


def _fault(proved: FollowerProgressed, furthest: FollowerProgressed) -> tuple[str, str]:
    """Return what is wrong with a proved position; empty where nothing is."""
    if proved.state is FollowerState.DIVERGED:
        return "diverged", "its last entry is not the log's: meridian sync --resync NODE"
    if proved.state is FollowerState.LOG_LOST:
        return "log_lost", "the log is shorter than its copy: bring the log's servers back"
    if proved.state is not FollowerState.FOLLOWING:
        return "not_following", f"it is {proved.state}, not at the end of the log"
    is_other = proved.revision == furthest.revision and proved.hash != furthest.hash
    if is_other:
        return "another_history", f"{furthest.node} has another entry at this revision"
    return "", ""


def _refusal(node: NodeId, error: MeridianError) -> Proof:
    is_silent = type(error) is Unavailable
    detail = f"{node} did not answer: {error.message}" if is_silent else error.message
    code = "no_answer" if is_silent else error.code
    return Proof(node, SILENT if is_silent else "failed", code=code, detail=detail)


def _is_signed(progress: FollowerProgressed, key: str | None, verify: Verify) -> bool:
    try:
        signature = decode_hex(progress.signature)
    except Undecodable:
        return False
    return key is not None and verify(key, signature, progress.progress_bytes())
