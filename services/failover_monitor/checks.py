"""The look at this master: its database, the log, what the operator allows, whether it is cut off.

Each thing that is not as it must be is one sentence, told in heartbeats and in the status.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from services.failover_monitor.core.takeover import Checks
from shared.clusterlog.log import RawEntry
from shared.documents.site import Failover, SiteDocument
from shared.domain.errors import MeridianError
from shared.domain.ids import Epoch, LogGeneration, Sequence
from shared.domain.log import LogEntry, Marker, StoredEntry
from shared.persistence.master_state import Pulse, State

STORE_SECONDS: Final = 1.0
LOG_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.0


class Store(Protocol):
    """What is looked at in the own database."""

    async def marker(self) -> Marker | None: ...
    async def read(self, kinds: tuple[str, ...] = (), id_: str | None = None) -> State: ...
    async def last_pulse(self) -> Pulse | None: ...


class Log(Protocol):
    """What is looked at in the cluster log."""

    async def last(self) -> RawEntry | None: ...
    async def get(self, sequence: Sequence) -> RawEntry | None: ...


@dataclass
class Found:
    """What a look has found so far."""

    marker: Marker | None = None
    failover: Failover = field(default_factory=Failover)
    pulse: Pulse | None = None
    last: Epoch = Epoch(0)
    unfit: list[str] = field(default_factory=list[str])
    forbidden: list[str] = field(default_factory=list[str])


class Examiner:
    """Looks at this master; never raises, and never takes longer than its time-outs."""

    def __init__(
        self, store: Store, log: Callable[[], Log | None], generation: LogGeneration, boot_id: str
    ) -> None:
        self._store = store
        self._log = log
        self._generation = generation
        self._boot_id = boot_id

    async def look(self) -> Checks:
        """Everything that a take depends on, and config's last pulse."""
        found = Found()
        await self._look_at_store(found)
        await asyncio.gather(self._look_at_log(found), self._look_around(found))
        pulse, marker = found.pulse, found.marker
        return Checks(
            unfit=tuple(found.unfit),
            forbidden=tuple(found.forbidden),
            epoch=max(found.last, Epoch(0) if marker is None else marker.epoch),
            revision=None if marker is None else marker.revision,
            pulse=None if pulse is None or pulse.boot_id != self._boot_id else pulse.at,
        )

    async def _look_at_store(self, found: Found) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                found.marker = await self._store.marker()
                if found.marker is None:
                    found.unfit.append("its database belongs to no cluster yet")
                    return
                found.pulse = await self._store.last_pulse()
                found.failover = _failover(await self._store.read(("site",)))
        except (MeridianError, TimeoutError) as error:
            found.unfit.append(f"its database does not answer: {_said(error)}")
        if not found.failover.automatic:
            found.forbidden.append("automatic failover is off")
        if not found.failover.backup_operations:
            found.forbidden.append("backup operations are off")

    async def _look_at_log(self, found: Found) -> None:
        log, marker = self._log(), found.marker
        if log is None:
            found.unfit.append("it is not connected to the cluster log")
            return
        try:
            async with asyncio.timeout(LOG_SECONDS):
                last = await log.last()
                found.last = Epoch(0) if last is None else _epoch(last)
                if marker is not None and not await self._is_in(log, marker):
                    found.unfit.append("its database has another history than the cluster log")
        except (MeridianError, ValueError, TimeoutError) as error:
            found.unfit.append(f"the cluster log cannot be read: {_said(error)}")

    async def _is_in(self, log: Log, marker: Marker) -> bool:
        if marker.log_generation != self._generation:
            return False
        if marker.revision == 0:
            return True
        entry = await log.get(marker.sequence)
        return entry is not None and StoredEntry.decode(entry.data).hash == marker.hash

    async def _look_around(self, found: Found) -> None:
        targets = found.failover.probe_targets
        reached = await asyncio.gather(*(_is_reachable(target) for target in targets))
        lost = [target for target, there in zip(targets, reached, strict=True) if not there]
        if lost:
            found.forbidden.append(f"it does not reach {', '.join(lost)}")


def _failover(state: State) -> Failover:
    for row in state.rows:
        with suppress(ValidationError):
            return SiteDocument.model_validate(row.body).failover
    return Failover()


def _epoch(entry: RawEntry) -> Epoch:
    return LogEntry.decode(StoredEntry.decode(entry.data).body).epoch


async def _is_reachable(target: str) -> bool:
    try:
        parts = urlsplit(target if "//" in target else f"//{target}")
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443)
    except (OSError, ValueError, TimeoutError):
        return False
    writer.close()
    return True


def _said(error: Exception) -> str:
    return str(error) or "no answer in time"
