"""The health check of a master: each failed check and each veto is one sentence."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.health.check import HealthCheck, LogTail
from shared.clusterlog.log import RawEntry
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.documents.site import Failover, SiteDocument
from shared.domain.document import Document
from shared.domain.errors import LogUnavailable, StoreUnavailable
from shared.domain.ids import (
    ClusterId,
    Epoch,
    Instant,
    LogGeneration,
    NodeId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    EMPTY_HASH,
    LogEntry,
    LogPosition,
    ReplicationMode,
    StoredEntry,
    empty_position,
    entry_hash,
    signed_bytes,
)
from shared.persistence.master_state import Pulse, State

GENERATION = LogGeneration(1)


ALPHA, KEY = NodeId("alpha"), NodeKey.generate()
TRUST = TrustStore(ClusterId("c"), GENERATION, {ALPHA: KEY.public_b64})


def stored(revision: int, epoch: int, key: NodeKey = KEY) -> StoredEntry:
    entry = LogEntry(*(GENERATION, Revision(revision), Epoch(epoch), (), UnixMillis(0), EMPTY_HASH))
    body = entry.encode()
    digest = entry_hash(body)
    return StoredEntry(body, digest, ALPHA, key.sign(signed_bytes(digest)))


FIRST, SECOND = stored(1, 0), stored(2, 6)
POSITION = LogPosition(GENERATION, Revision(1), Sequence(1), Epoch(4), FIRST.hash)

VERSIONS = OtherReleases("1.0.0")


@dataclass
class FakeStore:
    at: LogPosition | None = POSITION
    site: Failover = field(default_factory=Failover)
    pulse: Pulse | None = None
    fails: bool = False
    maintained: tuple[str, ...] = ()

    async def position(self) -> LogPosition | None:
        if self.fails:
            raise StoreUnavailable("gone")
        return self.at

    async def read(self, kinds: tuple[str, ...] = (), id_: str | None = None) -> State:
        if kinds == ("node",):
            return self._node(id_)
        body = SiteDocument(name="test", failover=self.site).model_dump(mode="json")
        rows = (Document("site", "site", Revision(1), body),)
        return State(POSITION, ReplicationMode.SYNCHRONOUS, rows)

    def _node(self, id_: str | None) -> State:
        node = {"role": "master", "maintenance": id_ in self.maintained}
        rows = (Document("node", str(id_), Revision(1), node),)
        return State(POSITION, ReplicationMode.SYNCHRONOUS, rows)

    async def last_pulse(self) -> Pulse | None:
        return self.pulse


@dataclass
class FakeLog:
    entries: tuple[StoredEntry, ...] = (FIRST, SECOND)
    fails: bool = False
    generation: LogGeneration = GENERATION

    def of(self, generation: LogGeneration) -> "FakeLog":
        return FakeLog((), generation=generation)

    async def later(self) -> tuple[LogGeneration, ...]:
        return ()

    async def last(self) -> RawEntry | None:
        if self.fails:
            raise LogUnavailable("no leader")
        end = len(self.entries)
        return await self.get(Sequence(end)) if end else None

    async def get(self, sequence: Sequence) -> RawEntry | None:
        if sequence > len(self.entries):
            return None
        return RawEntry(sequence, self.entries[sequence - 1].encode())


async def check(store: FakeStore | None = None, log: LogTail | None = None) -> HealthReport:
    entries = FakeLog() if log is None else log
    return await HealthCheck(ALPHA, "boot", store or FakeStore(), entries, TRUST, VERSIONS).check()


async def test_a_sound_master_has_the_largest_epoch_of_database_and_log() -> None:
    assert await check() == HealthReport(
        epoch=Epoch(6), revision=Revision(1), is_attached=True, log_generation=GENERATION
    )
    ahead = replace(POSITION, epoch=Epoch(7))
    assert (await check(FakeStore(ahead))).epoch == 7


async def test_a_pulse_counts_on_the_same_kernel_only() -> None:
    def beat(boot_id: str) -> FakeStore:
        return FakeStore(pulse=Pulse(Epoch(4), boot_id, Instant(12.5)))

    assert (await check(beat("boot"))).pulse == 12.5
    assert (await check(beat("another"))).pulse is None


async def test_a_database_that_belongs_to_no_cluster_is_no_candidate() -> None:
    report = await check(FakeStore(None))
    assert report.failed_checks == ("its database belongs to no cluster yet",)
    assert report.revision is None


async def test_an_empty_copy_is_in_every_log() -> None:
    assert (await check(FakeStore(empty_position(GENERATION)))).failed_checks == ()
    assert (await check(FakeStore(empty_position(GENERATION)), FakeLog(()))).failed_checks == ()


@pytest.mark.parametrize(
    "position",
    [
        replace(POSITION, hash="f" * 64),
        replace(POSITION, sequence=Sequence(9)),
        replace(POSITION, log_generation=LogGeneration(2)),
    ],
)
async def test_a_copy_of_another_history_is_no_candidate(position: LogPosition) -> None:
    report = await check(FakeStore(position))
    assert report.failed_checks == ("its database has another history than the cluster log",)


async def test_a_silent_database_is_a_failed_check() -> None:
    assert (await check(FakeStore(fails=True))).failed_checks == (
        "its database does not answer: gone",
    )


async def test_a_silent_log_is_a_failed_check() -> None:
    report = await check(log=FakeLog(fails=True))
    assert report.failed_checks == ("the cluster log cannot be read: no leader",)


NEWER = b'{"of": "a version that this one cannot read"}'
STRANGE = {
    "junk": b"?",
    "an entry that nobody known signed": stored(2, 900, NodeKey.generate()).encode(),
    "an entry that says another hash": SECOND.encode().replace(b'"hash":"', b'"hash":"0'),
    "something that a master signed and that is no entry": StoredEntry(
        NEWER, entry_hash(NEWER), ALPHA, KEY.sign(signed_bytes(entry_hash(NEWER)))
    ).encode(),
}


@pytest.mark.parametrize("message", STRANGE.values(), ids=STRANGE)
async def test_what_is_no_entry_behind_the_logs_end_raises_no_epoch_and_bars_nobody(
    message: bytes,
) -> None:
    class Strange(FakeLog):
        async def last(self) -> RawEntry | None:
            return RawEntry(Sequence(3), message)

    assert await check(log=Strange()) == HealthReport(
        epoch=Epoch(4), revision=Revision(1), is_attached=True, log_generation=GENERATION
    )


async def test_what_is_no_entry_in_the_place_of_its_own_is_another_history() -> None:
    class Strange(FakeLog):
        async def get(self, sequence: Sequence) -> RawEntry | None:
            return RawEntry(sequence, b"?")

    report = await check(log=Strange())
    assert report.failed_checks == ("its database has another history than the cluster log",)


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        (Failover(automatic=False), "automatic failover is off"),
        (Failover(backup_operations=False), "backup operations are off"),
        (Failover(probe_targets=("127.0.0.1:1",)), "it does not reach 127.0.0.1:1"),
        (Failover(probe_targets=("tcp://127.0.0.1:x",)), "it does not reach tcp://127.0.0.1:x"),
        (Failover(probe_targets=("",)), "it does not reach "),
    ],
)
async def test_what_the_operator_set_is_no_fault_but_forbids(site: Failover, reason: str) -> None:
    report = await check(FakeStore(site=site))
    assert report.failed_checks == ()
    assert report.vetoes == (reason,)


async def test_what_the_operator_changes_is_seen_by_the_next_check() -> None:
    store = FakeStore()
    health_check = HealthCheck(ALPHA, "boot", store, FakeLog(), TRUST, VERSIONS)
    assert (await health_check.check()).vetoes == ()
    store.site = Failover(automatic=False)
    assert (await health_check.check()).vetoes == ("automatic failover is off",)
    store.site = Failover()
    assert (await health_check.check()).vetoes == ()


async def test_a_target_that_answers_is_reached() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        targets = (f"127.0.0.1:{port}", f"tcp://127.0.0.1:{port}")
        assert (await check(FakeStore(site=Failover(probe_targets=targets)))).vetoes == ()


async def test_a_host_without_a_port_is_reached_when_it_refuses() -> None:
    site = Failover(probe_targets=("127.0.0.1",))
    assert (await check(FakeStore(site=site))).vetoes == ()


async def test_a_master_in_maintenance_takes_no_role_over_and_the_other_one_does() -> None:
    report = await check(FakeStore(maintained=("alpha",)))
    assert report.vetoes == ("it is in maintenance",)
    assert report.failed_checks == ()
    assert (await check(FakeStore(maintained=("bravo",)))).vetoes == ()


async def test_a_master_of_an_older_release_may_replace_nobody() -> None:
    versions = OtherReleases("1.0.0")
    versions.record(NodeId("bravo"), "2.0.0")
    report = await HealthCheck(ALPHA, "boot", FakeStore(), FakeLog(), TRUST, versions).check()
    assert report.vetoes == ("it runs version 1.0.0 and bravo runs 2.0.0; upgrade it",)
