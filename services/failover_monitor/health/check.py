"""The health check of this master: its database, the log, the operator's settings, its network.

Each failed check and each veto is one sentence, shown in heartbeats and in the status. An epoch
counts as seen only where a master signed it: what somebody else put behind the log's end neither
raises an epoch nor keeps a master from taking over, because every follower skips it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from services.failover_monitor.core.health import AUTOMATIC_OFF, HealthReport
from services.failover_monitor.core.versions import Versions
from services.failover_monitor.health.database import STORE_SECONDS, ReadsState
from shared.clusterlog.generations import read_hash
from shared.clusterlog.log import RawEntry, verify
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents.site import Failover, SiteDocument
from shared.domain.errors import MeridianError
from shared.domain.ids import Epoch, LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, Marker, ReplicationMode, StoredEntry
from shared.persistence.master_state import Pulse, State

LOG_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.0
PROBE_PORT: Final = 443
"""The port of a probe target that names none; there a refused connection counts as reached."""


class Store(ReadsState, Protocol):
    """What the check reads from the own database."""

    async def last_pulse(self) -> Pulse | None: ...


class Log(Protocol):
    """What the check reads from a generation of the cluster log."""

    @property
    def generation(self) -> LogGeneration: ...
    def of(self, generation: LogGeneration) -> "Log": ...
    async def later(self) -> tuple[LogGeneration, ...]: ...
    async def last(self) -> RawEntry | None: ...
    async def get(self, sequence: Sequence) -> RawEntry | None: ...


@dataclass
class Findings:
    """What one check has found so far."""

    marker: Marker | None = None
    mode: ReplicationMode | None = None
    failover: Failover = field(default_factory=Failover)
    pulse: Pulse | None = None
    log_epoch: Epoch = Epoch(0)
    failed_checks: list[str] = field(default_factory=list[str])
    vetoes: list[str] = field(default_factory=list[str])


class HealthCheck:
    """Checks this master; never raises, and never takes longer than its time limits."""

    def __init__(
        self,
        node: NodeId,
        boot_id: str,
        store: Store,
        log: Log,
        trust: TrustStore,
        versions: Versions,
    ) -> None:
        """Check the master *node*; *boot_id* names this boot of its kernel."""
        self._node, self._boot_id = node, boot_id
        self._versions = versions
        self._store = store
        self._log = log
        self._trust = trust
        self._site: dict[str, Any] = {}
        self._settings = Failover()

    async def check(self) -> HealthReport:
        """Check everything that a takeover depends on, and read config's last pulse."""
        findings = Findings()
        await self._check_store(findings)
        await asyncio.gather(self._check_log(findings), self._probe_targets(findings))
        pulse, marker = findings.pulse, findings.marker
        return HealthReport(
            failed_checks=tuple(findings.failed_checks),
            vetoes=(*findings.vetoes, *self._versions.obstacles()),
            epoch=max(findings.log_epoch, Epoch(0) if marker is None else marker.epoch),
            revision=None if marker is None else marker.revision,
            log_generation=None if marker is None else marker.log_generation,
            is_attached=findings.mode is ReplicationMode.SYNCHRONOUS,
            pulse=None if pulse is None or pulse.boot_id != self._boot_id else pulse.at,
        )

    async def _check_store(self, findings: Findings) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                findings.marker = await self._store.marker()
                if findings.marker is None:
                    findings.failed_checks.append("its database belongs to no cluster yet")
                    return
                findings.pulse = await self._store.last_pulse()
                state = await self._store.read(("site",))
                findings.mode, findings.failover = state.mode, self._failover_settings(state)
                if _is_in_maintenance(await self._store.read(("node",), self._node)):
                    findings.vetoes.append("it is in maintenance")
        except (MeridianError, TimeoutError) as error:
            findings.failed_checks.append(f"its database does not answer: {_cause(error)}")
        if not findings.failover.automatic:
            findings.vetoes.append(AUTOMATIC_OFF)
        if not findings.failover.backup_operations:
            findings.vetoes.append("backup operations are off")

    def _failover_settings(self, state: State) -> Failover:
        """The operator's settings; the site's document is parsed only when it has changed."""
        site = state.rows[0].body if state.rows else {}
        if site != self._site:
            self._site, self._settings = site, _parse_settings(site)
        return self._settings

    async def _check_log(self, findings: Findings) -> None:
        marker = findings.marker
        try:
            async with asyncio.timeout(LOG_SECONDS):
                log = self._log if marker is None else self._log_of(marker)
                findings.log_epoch = self._epoch(await log.last())
                if marker is not None and await read_hash(log, marker) != marker.hash:
                    findings.failed_checks.append(
                        "its database has another history than the cluster log"
                    )
        except (MeridianError, TimeoutError) as error:
            findings.failed_checks.append(f"the cluster log cannot be read: {_cause(error)}")

    def _epoch(self, last: RawEntry | None) -> Epoch:
        """The epoch of the log's last message; 0 when it is no entry that a master signed."""
        stored = None if last is None else _decode_stored(last)
        if stored is None or not verify(stored, self._trust):
            return Epoch(0)
        with suppress(Undecodable):  # of a newer version: the database has it once it is applied
            return LogEntry.decode(stored.body).epoch
        return Epoch(0)

    def _log_of(self, marker: Marker) -> Log:
        if marker.log_generation != self._log.generation:
            self._log = self._log.of(marker.log_generation)
        return self._log

    async def _probe_targets(self, findings: Findings) -> None:
        targets = findings.failover.probe_targets
        reached = await asyncio.gather(*(_is_reachable(target) for target in targets))
        lost = [target for target, is_there in zip(targets, reached, strict=True) if not is_there]
        if lost:
            findings.vetoes.append(f"it does not reach {', '.join(lost)}")


def _parse_settings(site: dict[str, Any]) -> Failover:
    with suppress(ValidationError):
        return SiteDocument.model_validate(site).failover
    return Failover()


def _is_in_maintenance(state: State) -> bool:
    return any(bool(row.body.get("maintenance")) for row in state.rows)


def _decode_stored(raw: RawEntry) -> StoredEntry | None:
    try:
        return StoredEntry.decode(raw.data)
    except Undecodable:
        return None


async def _is_reachable(target: str) -> bool:
    """Whether *target* answers: `host:port`, or a host of which any answer will do."""
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
