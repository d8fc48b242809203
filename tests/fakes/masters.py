"""Two masters' write paths in memory, on one log: grants come from the test, time from the loop.

Each `FakeMaster` has the real `Writer` with its replica and acknowledgements; only what lies behind
the ports is a twin. `follow` is what replication does on the same master.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from services.config.write.acknowledgements import Acknowledgements, BackupPositions
from services.config.write.replica import Replica, WritePermission
from services.config.write.writer import Writer
from shared.clusterlog.log import EntrySigner
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.documents import SITE_ID
from shared.documents.rules.changes import apply_changes
from shared.documents.state import Documents
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId, RequestId, Sequence
from shared.domain.log import Change, LogEntry, LogPosition, Op, StoredEntry, follows
from shared.events.config import ChangesAccepted, ConfigChanged, ProposeChanges, ProposedChange
from shared.events.failover import MasterGranted
from shared.events.message import Event
from shared.events.replication import FollowerProgressed, FollowerState
from shared.runtime.grant import GrantHolder
from tests.fakes.cluster_log import MemoryLog
from tests.fakes.log_servers import LogServers
from tests.fakes.master_state import MemoryState
from tests.fakes.virtual_time import VirtualClock
from tests.integration.entries import EntryWriter

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
KERNEL = "one kernel"
CLUSTER = ClusterId("0123456789abcdef")
GENERATION = LogGeneration(1)
FIRST = Sequence(1)


@dataclass
class RecordedEvents:
    """The events that a master published."""

    events: list[Event] = field(default_factory=list[Event])

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def changes(self) -> list[ConfigChanged]:
        return [each for each in self.events if isinstance(each, ConfigChanged)]


@dataclass
class FakeMaster:
    """One master: its database, its view of the log, its writer."""

    node: NodeId
    key: NodeKey
    state: MemoryState
    log: MemoryLog
    grant: GrantHolder
    acknowledgements: Acknowledgements
    writer: Writer
    recorded: RecordedEvents

    @staticmethod
    def of(
        node: NodeId, key: NodeKey, masters: dict[NodeId, str], servers: LogServers
    ) -> "FakeMaster":
        state, log, recorded = MemoryState(), MemoryLog(servers), RecordedEvents()
        trust = TrustStore(CLUSTER, GENERATION, dict(masters))
        grant = GrantHolder(node, KERNEL)
        permission = WritePermission(grant, VirtualClock())
        replica = Replica.of(EntrySigner(node, key), trust, state, log, permission)
        acknowledgements = Acknowledgements(replica, BackupPositions(trust, replica))
        writer = Writer(replica, acknowledgements, recorded)
        return FakeMaster(node, key, state, log, grant, acknowledgements, writer, recorded)

    def permit(self, epoch: int, seconds: float, *, planned: bool = False) -> float:
        """The monitor's grant; when it ends."""
        grant = self.granted(epoch, VirtualClock().now() + seconds)
        self.grant.offer(grant.model_copy(update={"planned": planned}))
        self.writer.wake()
        return grant.valid_until

    def granted(self, epoch: int, until: float) -> MasterGranted:
        return MasterGranted(node=self.node, epoch=Epoch(epoch), boot_id=KERNEL, valid_until=until)

    async def pause_writes(self, epoch: int) -> LogPosition:
        """The monitor's order when it hands the role over."""
        grant = self.granted(epoch, self.grant.valid_until)
        stopped = await self.writer.pause_writes(grant.model_copy(update={"paused": True}))
        assert stopped.has_begun
        return self.writer.replica.position

    async def propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        return await self.writer.propose(proposal)

    async def follow(self) -> FollowerProgressed:
        """Apply what the log has more, as replication does, and prove the position."""
        async with self.state.transaction() as transaction:
            end = transaction.position.sequence
            for sequence, message in enumerate(self.log.messages[end:], end + 1):
                stored = StoredEntry.decode(message)
                if follows(transaction.position, LogEntry.decode(stored.body)) is None:
                    await transaction.apply(stored, Sequence(sequence))
        return self.position()

    def position(self, **other: Any) -> FollowerProgressed:
        """Where the copy is, or where it says it is."""
        bare = FollowerProgressed.model_validate({**_facts(self.node, self.state.at), **other})
        signature = self.key.sign(bare.progress_bytes()).hex()
        return bare.model_copy(update={"signature": signature})


def _facts(node: NodeId, position: LogPosition) -> dict[str, Any]:
    return {
        "node": node,
        "state": FollowerState.FOLLOWING,
        "log_generation": position.log_generation,
        "revision": position.revision,
        "sequence": position.sequence,
        "epoch": position.epoch,
        "hash": position.hash,
    }


@dataclass
class Masters:
    """A founded site: its log has the first entry, neither database has applied it."""

    servers: LogServers
    alpha: FakeMaster
    bravo: FakeMaster

    @staticmethod
    def found(**rules: object) -> "Masters":
        """Make it; *rules* are the site's rules of replication."""
        keys = {node: NodeKey.generate() for node in (ALPHA, BRAVO)}
        masters = {node: key.public_b64 for node, key in keys.items()}
        servers = LogServers()
        first = EntryWriter(keys[ALPHA]).write(*first_changes(masters, rules))
        servers.create(GENERATION).put(first.encode())
        alpha, bravo = (FakeMaster.of(node, key, masters, servers) for node, key in keys.items())
        return Masters(servers, alpha, bravo)

    @property
    def log(self) -> MemoryLog:
        """The first generation of the site's log, behind every master's back."""
        return MemoryLog(self.servers)

    @property
    def nodes(self) -> tuple[FakeMaster, FakeMaster]:
        return self.alpha, self.bravo

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Both writers at work; whatever breaks in one of them breaks the test."""
        writers = [asyncio.create_task(master.writer.run()) for master in self.nodes]
        try:
            yield
            broken = [writer for writer in writers if writer.done()]
            assert not broken, broken[0].exception()
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)

    async def confirm(self, backup: FakeMaster | None = None) -> None:
        """The backup applies the log and reports it to the primary."""
        follower = backup or self.bravo
        event = await follower.follow()
        for master in self.nodes:
            master.writer.record_progress(event)

    def history(self) -> list[LogEntry]:
        """The entries that every follower applies."""
        entries: list[LogEntry] = []
        position = LogPosition(
            GENERATION, *(EntryWriter().position.revision, Sequence(0)), Epoch(0), "0" * 64
        )
        for message in self.log.messages:
            stored = StoredEntry.decode(message)
            entry = LogEntry.decode(stored.body)
            if follows(position, entry) is None:
                position = LogPosition.of(entry, stored.hash, FIRST)
                entries.append(entry)
        return entries


def first_changes(masters: dict[NodeId, str], rules: dict[str, object]) -> tuple[Change, ...]:
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        ("site", SITE_ID, {"name": "test.example", "replication": rules}),
        *(("node", node, {"role": "master", "public_key": key}) for node, key in masters.items()),
        ("user", "admin", {"role": "administrator", "password_hash": "sealed"}),
    ]
    puts = tuple(ProposedChange(kind=k, id=i, op="put", body=body) for k, i, body in wanted)
    outcome = apply_changes(Documents({}), puts)
    return tuple(
        Change(kind, id_, Op.PUT, body, "admin", RequestId("init"), "")
        for (kind, id_), body in outcome.items()
    )


def proposal(
    request_id: str, node: str = "berlin", author: str = "rita", **body: Any
) -> ProposeChanges:
    """A proposal to put one traffic node."""
    change = ProposedChange(kind="node", id=node, op="put", body={"role": "traffic", **body})
    return ProposeChanges(request_id=RequestId(request_id), author=author, changes=(change,))
