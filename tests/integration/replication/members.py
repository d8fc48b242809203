"""A small cluster of followers: two masters with databases, one traffic node, one that watches.

The tests write the log as a primary would; `alpha`'s own key signs it.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from faststream.nats import NatsRouter
from nats.errors import Error as NatsError

from shared.clusterlog.log import ClusterLog, LogConflict
from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.crypto.nodekeys import KEY_FILE, NodeKey, verify
from shared.domain.errors import LogUnavailable, OutcomeUnknown
from shared.domain.ids import ClusterId, NodeId, Sequence
from shared.domain.log import Change, StoredEntry
from shared.events.replication import FollowerProgressed, FollowerState, SyncNow
from shared.messaging.connection import connect, jetstream_of
from shared.messaging.streams import ensure_streams
from shared.messaging.subscription import subscription
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from shared.runtime.context import ServiceContext, build_context
from shared.settings import ServiceSettings
from tests.integration.entries import GENERATION, Pen

MASTERS = ("alpha", "bravo")
NODES = (*MASTERS, "berlin")
SECONDS = 30.0
Child = subprocess.Popen[str]


@dataclass
class Members:
    """The nodes' folders and processes, the log, and what the followers last said."""

    folder: Path
    urls: tuple[str, ...]
    databases: dict[str, str]
    psk: str = field(default_factory=make_psk)
    progress: dict[str, FollowerProgressed] = field(default_factory=dict[str, FollowerProgressed])
    children: dict[str, Child] = field(default_factory=dict[str, Child])
    pen: Pen = field(default_factory=Pen)

    def found(self) -> None:
        """Make every node's keys, and let each know the masters'."""
        self.keys = {node: join.prepare_node(self.folder / node) for node in (*NODES, "watch")}
        self.cluster_id: ClusterId = join.found_cluster(self.folder / "alpha")
        for node in self.keys:
            masters = {NodeId(master): self.keys[master] for master in MASTERS}
            join.pin(self.folder / node, self.cluster_id, masters)
        self.pen = Pen(NodeKey.load(self.folder / "alpha" / KEY_FILE))

    def start(self, node: str, **more: str) -> None:
        """Start the follower of *node*."""
        own = {
            "MERIDIAN_NODE": node,
            "MERIDIAN_STATE_DIR": str(self.folder / node),
            "MERIDIAN_PSK": self.psk,
            "MERIDIAN_NATS_SERVERS": ",".join(self.urls),
            "MERIDIAN_METRICS_PORT": "0",
            "MERIDIAN_LOG_FORMAT": "json",
            **more,
        }
        if node in self.databases:
            own["MERIDIAN_DATABASE_URL"] = self.databases[node]
        bare = {name: value for name, value in os.environ.items() if "MERIDIAN" not in name}
        with self.log_of(node).open("a") as log:
            self.children[node] = subprocess.Popen(
                [sys.executable, "-m", "services.replication"],
                env=bare | own,
                stderr=log,
                text=True,
            )

    def kill(self, node: str) -> None:
        child = self.children.pop(node)
        child.kill()
        child.wait()
        self.progress.pop(node, None)

    def close(self) -> None:
        for node in list(self.children):
            self.kill(node)

    def log_of(self, node: str) -> Path:
        return self.folder / f"{node}.log"

    def reported_states(self, node: str) -> list[str]:
        """What the follower of *node* logged."""
        lines = self.log_of(node).read_text().splitlines()
        return [json.loads(line)["message"] if line.startswith("{") else line for line in lines]

    def settings(self, node: str) -> ServiceSettings:
        return ServiceSettings.model_validate(
            {
                "node": node,
                "state_dir": self.folder / node,
                "psk": self.psk,
                "nats_servers": self.urls,
            }
        )

    async def on_progress(self, event: FollowerProgressed) -> None:
        assert verify(
            self.keys[event.node], bytes.fromhex(event.signature), event.progress_bytes()
        ), "a follower proves its position"
        self.progress[event.node] = event

    def is_at(self, node: str, revision: int) -> bool:
        """Whether *node* follows and has just *revision* of the pen's history."""
        progress = self.progress.get(node)
        if progress is None or progress.state is not FollowerState.FOLLOWING:
            return False
        return progress.revision == revision and (
            revision != self.pen.position.revision or progress.hash == self.pen.position.hash
        )


@dataclass
class Watcher:
    """A signed member that hears every position, asks for proofs and writes the log."""

    members: Members
    context: ServiceContext
    log: ClusterLog
    states: dict[str, MasterState]

    async def write(self, *changes: Change, epoch: int | None = None) -> StoredEntry:
        """Append the next entry, as a primary does."""
        pen = self.members.pen
        end = pen.position.sequence
        entry = pen.write(*changes, epoch=epoch)
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    await self.log.append(entry, end)
                except (LogUnavailable, OutcomeUnknown):
                    await asyncio.sleep(0.1)
                except LogConflict:
                    raw = await self.log.get(Sequence(end + 1))
                    assert raw is not None
                    assert raw.data == entry.encode()
                    return entry
                else:
                    return entry

    async def inject(self, data: bytes) -> None:
        """Put a message into the log that no primary wrote."""
        client = await connect(self.context.bus.access, self.context.process.identity, "intruder")
        await jetstream_of(client).publish(f"meridian.log.{GENERATION}.entry", data)
        await client.close()
        self.members.pen.skip()

    async def sync(self, node: str, *, resync: bool = False) -> FollowerProgressed:
        answer = await self.context.bus.publisher.ask(
            SyncNow(node=NodeId(node), resync=resync), timeout_seconds=SECONDS
        )
        assert isinstance(answer, FollowerProgressed)
        return answer

    async def until_at(self, node: str, revision: int | None = None) -> None:
        """Wait until *node* is at *revision*, or at the pen's."""
        wanted = self.members.pen.position.revision if revision is None else revision
        await until(lambda: self.members.is_at(node, wanted))

    async def until_state(self, node: str, state: FollowerState) -> None:
        def holds() -> bool:
            progress = self.members.progress.get(node)
            return progress is not None and progress.state is state

        await until(holds)


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until *condition()* holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watching(members: Members, *, replicas: int) -> AsyncGenerator[Watcher]:
    """Make the log, the streams and the databases, and listen."""
    context = build_context(members.settings("watch"), "gateway", SystemClock())
    heard = subscription(FollowerProgressed, members.on_progress)
    context.bus.broker.include_router(NatsRouter(handlers=(heard,)))
    client = await connect(context.bus.access, context.process.identity, "log")
    log = ClusterLog(client, GENERATION)
    databases = {node: Database(url) for node, url in members.databases.items()}
    try:
        await context.bus.broker.start()
        async for _ in tries():
            with contextlib.suppress(LogUnavailable, LogConflict, NatsError):
                if not await log.exists():
                    await log.create(replicas)
                await ensure_streams(jetstream_of(client), replicas)
                break
        states = {node: MasterState(database) for node, database in databases.items()}
        for state in states.values():
            await state.found(members.cluster_id, GENERATION)
        yield Watcher(members, context, log, states)
    finally:
        members.close()
        await context.bus.broker.stop()
        await client.close()
        for database in databases.values():
            await database.close()


async def tries(count: int = 100) -> AsyncGenerator[int]:
    """Numbers, with a pause between them."""
    for number in range(count):
        yield number
        await asyncio.sleep(0.2)
    raise AssertionError("tried in vain")
