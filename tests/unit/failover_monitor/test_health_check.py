"""The health check of a master: each failed check and each veto is one sentence."""

import asyncio
from dataclasses import replace

import pytest

from services.failover_monitor.core.fitness import Proof
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.health.check import HealthCheck
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.documents.site import Failover, SiteDocument
from shared.domain.document import Document, Ref
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
    StoredEntry,
    empty_position,
    entry_hash,
    signed_bytes,
)
from tests.fakes.cluster_log import MemoryLog
from tests.fakes.master_state import MemoryState, MemoryTransaction
from tests.fakes.proofs import working

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

PROOFS = working(Instant(12.5))
SITE = Ref("site", "site")
VERSIONS = OtherReleases("1.0.0")


def put_site(store: MemoryState, settings: Failover) -> None:
    body = SiteDocument(name="test", failover=settings).model_dump(mode="json")
    store.here.documents_by_ref[SITE] = Document(*SITE, Revision(1), body)


def build_store(
    position: LogPosition = POSITION, site: Failover | None = None, maintained: str = ""
) -> MemoryState:
    """A master's database at *position*; the node *maintained* is in maintenance."""
    store = MemoryState(MemoryTransaction(position))
    put_site(store, site or Failover())
    for node in ("alpha", "bravo"):
        body = {"role": "master", "maintenance": node == maintained}
        ref = Ref("node", node)
        store.here.documents_by_ref[ref] = Document(*ref, Revision(1), body)
    return store


def build_log(*messages: bytes) -> MemoryLog:
    """A log of *messages*."""
    log = MemoryLog()
    for message in messages:
        log.put(message)
    return log


def sound_log() -> MemoryLog:
    """A log that has the entry of POSITION, and one behind it."""
    return build_log(FIRST.encode(), SECOND.encode())


class Proofs:
    """The proofs of services that work."""

    def proofs(self) -> tuple[Proof, ...]:
        return PROOFS


async def check(store: MemoryState | None = None, log: MemoryLog | None = None) -> HealthReport:
    tail = sound_log() if log is None else log
    return await HealthCheck(ALPHA, Proofs(), store or build_store(), tail, TRUST, VERSIONS).check()


async def test_a_sound_master_has_the_largest_epoch_of_database_and_log() -> None:
    assert await check() == HealthReport(
        epoch=Epoch(6),
        revision=Revision(1),
        is_attached=True,
        log_generation=GENERATION,
        proofs=PROOFS,
    )
    ahead = replace(POSITION, epoch=Epoch(7))
    assert (await check(build_store(ahead))).epoch == 7


async def test_a_database_that_belongs_to_no_cluster_is_no_candidate() -> None:
    report = await check(MemoryState(is_founded=False))
    assert report.failed_checks == ("its database belongs to no cluster yet",)
    assert report.revision is None


async def test_an_empty_copy_is_in_every_log() -> None:
    assert (await check(build_store(empty_position(GENERATION)))).failed_checks == ()
    assert (await check(build_store(empty_position(GENERATION)), build_log())).failed_checks == ()


@pytest.mark.parametrize(
    "position",
    [
        replace(POSITION, hash="f" * 64),
        replace(POSITION, sequence=Sequence(9)),
        replace(POSITION, log_generation=LogGeneration(2)),
    ],
)
async def test_a_copy_of_another_history_is_no_candidate(position: LogPosition) -> None:
    log = sound_log()
    log.begin(LogGeneration(2))
    report = await check(build_store(position), log)
    assert report.failed_checks == ("its database has another history than the cluster log",)


async def test_a_silent_database_is_a_failed_check() -> None:
    store = build_store()
    store.is_down = True
    fault = "its database does not answer: the database cannot be reached"
    assert (await check(store)).failed_checks == (fault,)


async def test_a_silent_log_is_a_failed_check() -> None:
    log = sound_log()
    log.is_reachable = False
    fault = "the cluster log cannot be read: there is no connection to NATS"
    assert (await check(log=log)).failed_checks == (fault,)


async def test_a_log_that_was_lost_is_a_failed_check() -> None:
    log = sound_log()
    log.lose()
    fault = "the cluster log cannot be read: the log LOG-1 is not there"
    assert (await check(log=log)).failed_checks == (fault,)


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
    log = sound_log()
    log.put(message)
    assert await check(log=log) == HealthReport(
        epoch=Epoch(4),
        revision=Revision(1),
        is_attached=True,
        log_generation=GENERATION,
        proofs=PROOFS,
    )


async def test_what_is_no_entry_in_the_place_of_its_own_is_another_history() -> None:
    report = await check(log=build_log(b"?", SECOND.encode()))
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
    report = await check(build_store(site=site))
    assert report.failed_checks == ()
    assert report.vetoes == (reason,)


async def test_what_the_operator_changes_is_seen_by_the_next_check() -> None:
    store = build_store()
    health_check = HealthCheck(ALPHA, Proofs(), store, sound_log(), TRUST, VERSIONS)
    assert (await health_check.check()).vetoes == ()
    put_site(store, Failover(automatic=False))
    assert (await health_check.check()).vetoes == ("automatic failover is off",)
    put_site(store, Failover())
    assert (await health_check.check()).vetoes == ()


async def test_a_target_that_answers_is_reached() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        targets = (f"127.0.0.1:{port}", f"tcp://127.0.0.1:{port}")
        assert (await check(build_store(site=Failover(probe_targets=targets)))).vetoes == ()


async def test_a_host_without_a_port_is_reached_when_it_refuses() -> None:
    site = Failover(probe_targets=("127.0.0.1",))
    assert (await check(build_store(site=site))).vetoes == ()


async def test_a_master_in_maintenance_takes_no_role_over_and_the_other_one_does() -> None:
    report = await check(build_store(maintained="alpha"))
    assert report.vetoes == ("it is in maintenance",)
    assert report.failed_checks == ()
    assert (await check(build_store(maintained="bravo"))).vetoes == ()


async def test_a_master_of_an_older_release_may_replace_nobody() -> None:
    versions = OtherReleases("1.0.0")
    versions.record(NodeId("bravo"), "2.0.0")
    report = await HealthCheck(ALPHA, Proofs(), build_store(), sound_log(), TRUST, versions).check()
    assert report.vetoes == ("it runs version 1.0.0 and bravo runs 2.0.0; upgrade it",)
