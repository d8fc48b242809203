"""A site behind the gateway that fits into memory: its documents, its sessions, its answers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from services.config.core.paging import first_page
from shared.crypto.nodekeys import NodeKey, verify
from shared.documents import DOCUMENTS, SITE_ID, Kind
from shared.documents.rules.changes import apply_changes
from shared.documents.state import Documents
from shared.domain.conflict import ConflictLine
from shared.domain.document import Document, Ref
from shared.domain.errors import NoTrafficNode, Unavailable
from shared.domain.ids import (
    Epoch,
    Instant,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.placement import Choice, NodeVerdict, RehearsedPlacement, SharedAddress
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import (
    Chunk,
    ChunkRef,
    Cutter,
    Manifest,
    Scope,
    SignedSnapshot,
)
from shared.events.config import (
    ChangesAccepted,
    DocumentsRead,
    GenerationBegun,
    HistoryRead,
    PromoteAlone,
    ProposeChanges,
    ReadDocuments,
    ReadHistory,
    RebuildLog,
)
from shared.events.conflict import (
    ConflictEntries,
    ConflictRead,
    ConflictResolved,
    ConflictsRead,
    KeepConflict,
    ReadConflict,
    ReadConflictEntries,
    ReadConflicts,
    ResolveConflict,
)
from shared.events.failover import MasterStatus, ReadMasterStatus, RoleSwitched, SwitchOver
from shared.events.message import Done, Event, Message, Request
from shared.events.operation import ReadStatusHistory, StatusHistoryRead
from shared.events.rehearsal import RehearseSelection, SelectionRehearsed
from shared.events.replication import FollowerProgressed, OfferSnapshot, SnapshotOffered, SyncNow
from shared.events.selection import NodesSelected, SelectNodes
from shared.events.webhook import ReadWebhooksProgress, WebhooksProgress
from tests.fakes.responder import Responder
from tests.fakes.snapshots import MemorySnapshots

Meanwhile = Callable[[ProposeChanges], object]

if TYPE_CHECKING:
    from shared.domain.webhook import WebhookProgress


@dataclass
class StillClock:
    """A clock that moves when told to; who sleeps by it goes on at once, and is noted."""

    at: float = 1_000.0
    slept: list[float] = field(default_factory=list[float])

    def now(self) -> Instant:
        return Instant(self.at)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(int(self.at * 1000))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class FakeSite(Responder):
    """Answers what the gateway asks: config, the node selector and the relays."""

    def __init__(self) -> None:
        self.revision = 1
        self.documents: dict[Ref, Document] = {}
        self.answered: dict[str, ChangesAccepted] = {}
        self.nodes = ["berlin", "denver", "tokyo"]
        self.asked: list[Request[Any]] = []
        self.masters: dict[NodeId, MasterStatus] = {}
        self.webhooks: list[WebhookProgress] = []
        self.is_down = False
        self.refuses_selection = False
        self.shared: SharedAddress | None = None
        self.policy = ""
        self.history = HistoryRead(lines=())
        self.status_history = StatusHistoryRead(lines=())
        self.key, self.snapshots = NodeKey.generate(), MemorySnapshots()
        self.progress: dict[NodeId, FollowerProgressed] = {}
        self.conflicts: dict[NodeId, ConflictRead | None] = {}
        self.bundles: dict[str, list[str]] = {}
        self.meanwhile: Meanwhile = lambda _: None
        self.write(Kind.SITE, SITE_ID, {"name": "support.example.com"})

    @property
    def position(self) -> LogPosition:
        generation, revision = LogGeneration(1), Revision(self.revision)
        return LogPosition(generation, revision, Sequence(9), Epoch(1), "a" * 64)

    def verify(self, node: NodeId, signature: bytes, data: bytes) -> bool:
        """Whether the one master of this site signed *data*."""
        return node == "alpha" and verify(self.key.public_b64, signature, data)

    def offer(self) -> SnapshotOffered:
        """Lay a snapshot of the documents into the object store, as a master's replication does."""
        cutter = Cutter()
        requests = tuple(
            AnsweredRequest(RequestId(f"r{key}"), "d", Revision(1), UnixMillis(1_000))
            for key in self.answered
        )
        documents = tuple(document for _, document in sorted(self.documents.items()))
        chunks = [*cutter.add(Chunk(documents, requests)), *cutter.rest()]
        position = self.position
        refs = tuple(ChunkRef.of(data) for data in chunks)
        body = Manifest(position, ReplicationMode.SYNCHRONOUS, Scope.FULL, refs).encode()
        signed = SignedSnapshot(body, NodeId("alpha"), self.key.sign(body)).encode()
        self.snapshots.objects = {f"full.{number}": data for number, data in enumerate(chunks)}
        self.snapshots.objects["full"] = signed
        return SnapshotOffered(
            name="full",
            log_generation=position.log_generation,
            revision=position.revision,
            hash=position.hash,
        )

    def write(self, kind: Kind, id_: str, body: dict[str, Any]) -> None:
        whole = DOCUMENTS[kind].model_validate(body).model_dump(mode="json")
        self.documents[Ref(kind, id_)] = Document(
            kind=kind, id=id_, revision=Revision(self.revision), body=whole
        )

    async def publish(self, event: Event) -> None:
        raise AssertionError(f"the gateway publishes nothing live: {event}")

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        del timeout_seconds
        self.asked.append(request)
        if self.is_down:
            raise Unavailable("nobody answered")
        match request:
            case ReadDocuments():
                return self._read(request)
            case ReadHistory():
                return self.history
            case ProposeChanges():
                return self._accept(request)
            case SelectNodes():
                return self._select(request)
            case RehearseSelection():
                berlin = RehearsedPlacement(node=NodeId("berlin"))
                placements = (berlin,) * len(request.clients)
                return SelectionRehearsed(placements=placements, sessions={}, revision=Revision(1))
            case _:
                return self._operate(request)

    def _operate(self, request: Request[Any]) -> Message:
        match request:
            case ReadMasterStatus() if request.node in self.masters:
                return self.masters[request.node]
            case ReadMasterStatus():
                raise Unavailable("nobody answered")
            case SwitchOver():
                return _switched(request)
            case PromoteAlone() | RebuildLog():
                place = {"log_generation": 2, "revision": self.revision + 1, "hash": "h"}
                return GenerationBegun.model_validate({"node": request.node, **place})
            case ReadConflicts() | ReadConflict() | ResolveConflict():
                return self._conflict(request)
            case ReadWebhooksProgress():
                return WebhooksProgress(webhooks=tuple(self.webhooks))
            case _:
                return self._replicate(request)

    def _replicate(self, request: Request[Any]) -> Message:
        match request:
            case SyncNow() if request.node in self.progress:
                return self.progress[request.node]
            case SyncNow():
                raise Unavailable("nobody answered")
            case OfferSnapshot():
                return self.offer()
            case ReadStatusHistory():
                return self.status_history
            case ReadConflictEntries() | KeepConflict():
                return self._carry(request)
            case _:
                return Done()

    def _conflict(self, request: ReadConflicts | ReadConflict | ResolveConflict) -> Message:
        """What the master keeps; each answer to show one has a single change in it."""
        if request.node not in self.conflicts:
            raise Unavailable("nobody answered")
        kept = self.conflicts[request.node]
        if isinstance(request, ReadConflicts):
            return ConflictsRead(conflicts=() if kept is None else (kept.line,))
        assert kept is not None, "only what is listed is asked for"
        if isinstance(request, ReadConflict):
            end = request.begin + 1
            part = kept.changes[request.begin : end]
            following = end if end < len(kept.changes) else None
            return ConflictRead(line=kept.line, changes=part, next=following)
        line = replace(kept.line, resolution=request.resolution, resolved_by=request.author)
        self.conflicts[request.node] = kept.model_copy(update={"line": line})
        return ConflictResolved(line=line)

    def _carry(self, request: ReadConflictEntries | KeepConflict) -> Message:
        """Out of a master, one bundle an answer, and back onto one."""
        bundles = self.bundles.setdefault(request.id, [])
        if isinstance(request, ReadConflictEntries):
            end = request.begin + 1
            following = end if end < len(bundles) else None
            return ConflictEntries(bundle=bundles[request.begin], next=following)
        line = ConflictLine(**request.model_dump(exclude={"bundle"}))
        self.conflicts[request.node] = ConflictRead(line=line, changes=())
        bundles.append(request.bundle)
        return Done()

    def _read(self, question: ReadDocuments) -> DocumentsRead:
        found = tuple(
            document
            for ref, document in sorted(self.documents.items())
            if (not question.kinds or ref.kind in question.kinds)
            and question.id in {None, ref.id}
            and (question.after is None or ref > question.after)
        )
        shown, following = first_page(found, question.limit)
        return DocumentsRead(
            position=self.position,
            mode=ReplicationMode.SYNCHRONOUS,
            documents=tuple(shown),
            next=following,
        )

    def _accept(self, proposal: ProposeChanges) -> ChangesAccepted:
        if proposal.request_id in self.answered:
            return self.answered[proposal.request_id]
        self.meanwhile(proposal)
        apply_changes(Documents(self.documents), proposal.changes)
        self.revision += 1
        for change in proposal.changes:
            if change.op == "delete":
                del self.documents[Ref(change.kind, change.id)]
            else:
                self.write(Kind(change.kind), change.id, change.body or {})
        answer = ChangesAccepted(
            revision=Revision(self.revision),
            durable_on=("alpha", "bravo"),
            mode=ReplicationMode.SYNCHRONOUS,
        )
        self.answered[proposal.request_id] = answer
        return answer

    def _select(self, question: SelectNodes) -> NodesSelected:
        if self.refuses_selection:
            raise NoTrafficNode("no node takes new clients now")
        names = [name for name in self.nodes if name not in question.avoid] or self.nodes
        return NodesSelected(
            choices=tuple(
                Choice(node=NodeId(name), host="127.0.0.1", port=7_000 + number)
                for number, name in enumerate(names)
            ),
            method="random",
            explanation=tuple(
                NodeVerdict(node=NodeId(name), rank=rank, reason="random")
                for rank, name in enumerate(names, start=1)
            ),
            revision=Revision(self.revision),
            policy=self.policy,
            shared=self.shared,
        )


def _switched(order: SwitchOver) -> RoleSwitched:
    return RoleSwitched(
        primary=order.to or NodeId("bravo"),
        previous=order.node,
        epoch=Epoch(order.epoch + 1),
        seconds=0.05,
    )
