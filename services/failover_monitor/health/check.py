"""Checks this master's health: its database, the log, the operator's settings, its network.

Each failed check and each veto is one sentence, shown in heartbeats and in the status. An epoch
counts as seen only where a master signed it: what somebody else put behind the log's end neither
raises an epoch nor keeps a master from taking over, because every follower skips it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from services.failover_monitor.core.fitness import Proof
from services.failover_monitor.core.health import AUTOMATIC_OFF, HealthReport
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.health.database import STORE_SECONDS, ReadsState
from shared.clusterlog.generations import read_hash
from shared.clusterlog.log import RawEntry, verify
from shared.clusterlog.ports import LogReader
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents.site import Failover, SiteDocument
from shared.domain.errors import MeridianError
from shared.domain.ids import Epoch, LogGeneration, NodeId
from shared.domain.log import LogEntry, LogPosition, ReplicationMode, StoredEntry
from shared.persistence.master_state import State

LOG_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.0
PROBE_PORT: Final = 443
"""The port of a probe target that names none; there a refused connection counts as reached."""


class CollectsProofs(Protocol):
    """Keeps the last proof of each service of this master."""

    def proofs(self) -> tuple[Proof, ...]: ...


class LogTail(LogReader, Protocol):
    """A generation of the cluster log, with its last entry."""

    def of(self, generation: LogGeneration) -> "LogTail": ...
    async def last(self) -> RawEntry | None: ...


@dataclass(frozen=True)
class StoreFindings:
    """The findings of the check in the own database."""

    position: LogPosition | None = None
    mode: ReplicationMode | None = None
    settings: Failover = field(default_factory=Failover)
    failed_checks: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogFindings:
    """The findings of the check in the cluster log; *epoch* is that of its last entry."""

    epoch: Epoch = Epoch(0)
    failed_checks: tuple[str, ...] = ()


class HealthCheck:
    """Checks this master; never raises, and never takes longer than its time limits."""

    def __init__(
        self,
        node: NodeId,
        proofs: CollectsProofs,
        store: ReadsState,
        log: LogTail,
        trust: TrustStore,
        versions: OtherReleases,
    ) -> None:
        """Check the master *node*."""
        self._node, self._proofs = node, proofs
        self._versions = versions
        self._store = store
        self._log = log
        self._trust = trust
        self._site: dict[str, Any] = {}
        self._settings = Failover()

    async def check(self) -> HealthReport:
        """Check everything that a takeover depends on."""
        store = await self._check_store()
        log, unreachable = await asyncio.gather(
            self._check_log(store.position), _probe_targets(store.settings.probe_targets)
        )
        position = store.position
        vetoes = (*store.vetoes, *_setting_vetoes(store.settings), *unreachable)
        return HealthReport(
            failed_checks=store.failed_checks + log.failed_checks,
            vetoes=(*vetoes, *self._versions.obstacles()),
            epoch=max(log.epoch, Epoch(0) if position is None else position.epoch),
            revision=None if position is None else position.revision,
            log_generation=None if position is None else position.log_generation,
            is_attached=store.mode is ReplicationMode.SYNCHRONOUS,
            proofs=self._proofs.proofs(),
        )

    async def _check_store(self) -> StoreFindings:
        """Read the own database; what was read before it fails still counts."""
        findings = StoreFindings()
        try:
            async with asyncio.timeout(STORE_SECONDS):
                position = await self._store.position()
                if position is None:
                    return StoreFindings(failed_checks=("its database belongs to no cluster yet",))
                findings = replace(findings, position=position)
                state = await self._store.read(("site",))
                settings = self._failover_settings(state)
                findings = replace(findings, mode=state.mode, settings=settings)
                if _is_in_maintenance(await self._store.read(("node",), self._node)):
                    findings = replace(findings, vetoes=("it is in maintenance",))
        except (MeridianError, TimeoutError) as error:
            return replace(
                findings, failed_checks=(f"its database does not answer: {_cause(error)}",)
            )
        return findings

    def _failover_settings(self, state: State) -> Failover:
        """Read the operator's settings; parse the site's document only when it has changed."""
        site = state.documents[0].body if state.documents else {}
        if site != self._site:
            self._site, self._settings = site, _parse_settings(site)
        return self._settings

    async def _check_log(self, position: LogPosition | None) -> LogFindings:
        epoch = Epoch(0)
        try:
            async with asyncio.timeout(LOG_SECONDS):
                log = self._log if position is None else self._log_of(position)
                epoch = self._epoch(await log.last())
                if position is not None and await read_hash(log, position) != position.hash:
                    fault = "its database has another history than the cluster log"
                    return LogFindings(epoch, (fault,))
        except (MeridianError, TimeoutError) as error:
            return LogFindings(epoch, (f"the cluster log cannot be read: {_cause(error)}",))
        return LogFindings(epoch)

    def _epoch(self, last: RawEntry | None) -> Epoch:
        """Return the epoch of the log's last message; 0 when no master signed it as an entry."""
        stored = None if last is None else _decode_stored(last)
        if stored is None or not verify(stored, self._trust):
            return Epoch(0)
        with suppress(Undecodable):  # of a newer version: the database has it once it is applied
            return LogEntry.decode(stored.body).epoch
        return Epoch(0)

    def _log_of(self, position: LogPosition) -> LogTail:
        if position.log_generation != self._log.generation:
            self._log = self._log.of(position.log_generation)
        return self._log


async def _probe_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Probe every target; the veto names those that cannot be reached."""
    reached = await asyncio.gather(*(_is_reachable(target) for target in targets))
    lost = [target for target, is_there in zip(targets, reached, strict=True) if not is_there]
    return (f"it does not reach {', '.join(lost)}",) if lost else ()


def _setting_vetoes(settings: Failover) -> tuple[str, ...]:
    automatic = () if settings.automatic else (AUTOMATIC_OFF,)
    return automatic if settings.backup_operations else (*automatic, "backup operations are off")


def _parse_settings(site: dict[str, Any]) -> Failover:
    with suppress(ValidationError):
        return SiteDocument.model_validate(site).failover
    return Failover()


def _is_in_maintenance(state: State) -> bool:
    return any(bool(row.body.get("maintenance")) for row in state.documents)


def _decode_stored(raw: RawEntry) -> StoredEntry | None:
    try:
        return StoredEntry.decode(raw.data)
    except Undecodable:
        return None


async def _is_reachable(target: str) -> bool:
    """Say whether *target* answers: `host:port`, or a host of which any answer will do."""
    port: int | None = None
    try:
        parts = urlsplit(target if "//" in target else f"//{target}")
        host, port = parts.hostname, parts.port
        if host is None:
            return False
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port or PROBE_PORT)
    except ConnectionRefusedError:
        return port is None
    except (OSError, ValueError, TimeoutError):
        return False
    writer.close()
    return True


def _cause(error: Exception) -> str:
    return str(error) or "no answer in time"
