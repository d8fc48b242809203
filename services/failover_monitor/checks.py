"""The look at this master: its database, the log, what the operator allows, whether it is cut off.

Each thing that is not as it must be is one sentence, told in heartbeats and in the status. An epoch
counts as seen where a master signed it, and nowhere else: what somebody else put behind the log's
end neither raises an epoch nor keeps a master from taking over, as every follower skips it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from services.failover_monitor.core.takeover import AUTOMATIC_OFF, Checks
from services.failover_monitor.core.versions import Versions
from shared.clusterlog.generations import hash_at
from shared.clusterlog.log import RawEntry, verify
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents.site import Failover, SiteDocument
from shared.domain.errors import MeridianError, StoreUnavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, LogPosition, ReplicationMode, StoredEntry
from shared.persistence.master_state import Pulse, State

STORE_SECONDS: Final = 1.0
LOG_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 1.0
PROBE_PORT: Final = 443
"""Where a target without a port is knocked at; a refusal there is an answer of the host too."""


class Store(Protocol):
    """What is looked at in the own database."""

    async def position(self) -> LogPosition | None: ...
    async def read(self, kinds: tuple[str, ...] = (), id_: str | None = None) -> State: ...
    async def last_pulse(self) -> Pulse | None: ...


class Log(Protocol):
    """What is looked at in a generation of the cluster log."""

    @property
    def generation(self) -> LogGeneration: ...
    def of(self, generation: LogGeneration) -> "Log": ...
    async def later(self) -> tuple[LogGeneration, ...]: ...
    async def last(self) -> RawEntry | None: ...
    async def get(self, sequence: Sequence) -> RawEntry | None: ...


@dataclass
class Found:
    """What a look has found so far."""

    position: LogPosition | None = None
    mode: ReplicationMode | None = None
    failover: Failover = field(default_factory=Failover)
    pulse: Pulse | None = None
    last: Epoch = Epoch(0)
    unfit: list[str] = field(default_factory=list[str])
    forbidden: list[str] = field(default_factory=list[str])


class Examiner:
    """Looks at this master; never raises, and never takes longer than its time-outs."""

    def __init__(
        self,
        of: tuple[NodeId, str],
        store: Store,
        log: Log,
        trust: TrustStore,
        versions: Versions,
    ) -> None:
        """The look at the master *of*: its name, and its kernel's name for this boot."""
        self._node, self._boot_id = of
        self._versions = versions
        self._store = store
        self._log = log
        self._trust = trust
        self._site: dict[str, Any] = {}
        self._wish = Failover()

    async def stand(self) -> LogPosition | None:
        """Where the own database stands.

        Raises:
            StoreUnavailable: it does not say so in time.
        """
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await self._store.position()
        except TimeoutError as error:
            raise StoreUnavailable("the database does not answer") from error

    async def masters(self) -> tuple[frozenset[NodeId], Epoch]:
        """Whom the own database names as masters, and the epoch up to which it knows.

        Raises:
            StoreUnavailable: it does not say so in time.
        """
        try:
            async with asyncio.timeout(STORE_SECONDS):
                state = await self._store.read(("node",))
        except TimeoutError as error:
            raise StoreUnavailable("the database does not answer") from error
        named = (NodeId(row.id) for row in state.documents if row.body.get("role") == "master")
        return frozenset(named), state.position.epoch

    async def look(self) -> Checks:
        """Everything that a take depends on, and config's last pulse."""
        found = Found()
        await self._look_at_store(found)
        await asyncio.gather(self._look_at_log(found), self._look_around(found))
        pulse, position = found.pulse, found.position
        return Checks(
            unfit=tuple(found.unfit),
            forbidden=(*found.forbidden, *self._versions.obstacles()),
            epoch=max(found.last, Epoch(0) if position is None else position.epoch),
            revision=None if position is None else position.revision,
            log_generation=None if position is None else position.log_generation,
            is_attached=found.mode is ReplicationMode.SYNCHRONOUS,
            pulse=None if pulse is None or pulse.boot_id != self._boot_id else pulse.at,
        )

    async def _look_at_store(self, found: Found) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                found.position = await self._store.position()
                if found.position is None:
                    found.unfit.append("its database belongs to no cluster yet")
                    return
                found.pulse = await self._store.last_pulse()
                state = await self._store.read(("site",))
                found.mode, found.failover = state.mode, self._wish_in(state)
                if _is_in_maintenance(await self._store.read(("node",), self._node)):
                    found.forbidden.append("it is in maintenance")
        except (MeridianError, TimeoutError) as error:
            found.unfit.append(f"its database does not answer: {_said(error)}")
        if not found.failover.automatic:
            found.forbidden.append(AUTOMATIC_OFF)
        if not found.failover.backup_operations:
            found.forbidden.append("backup operations are off")

    def _wish_in(self, state: State) -> Failover:
        """What the operator wants; the site's document is read anew where it has changed."""
        site = state.documents[0].body if state.documents else {}
        if site != self._site:
            self._site, self._wish = site, _wish(site)
        return self._wish

    async def _look_at_log(self, found: Found) -> None:
        position = found.position
        try:
            async with asyncio.timeout(LOG_SECONDS):
                log = self._log if position is None else self._log_of(position)
                found.last = self._epoch(await log.last())
                if position is not None and await hash_at(log, position) != position.hash:
                    found.unfit.append("its database has another history than the cluster log")
        except (MeridianError, TimeoutError) as error:
            found.unfit.append(f"the cluster log cannot be read: {_said(error)}")

    def _epoch(self, last: RawEntry | None) -> Epoch:
        """The epoch of the log's last message; 0 when it is no entry that a master signed."""
        stored = None if last is None else _stored(last)
        if stored is None or not verify(stored, self._trust):
            return Epoch(0)
        with suppress(Undecodable):  # of a newer version: the database tells once it is applied
            return LogEntry.decode(stored.body).epoch
        return Epoch(0)

    def _log_of(self, position: LogPosition) -> Log:
        if position.log_generation != self._log.generation:
            self._log = self._log.of(position.log_generation)
        return self._log

    async def _look_around(self, found: Found) -> None:
        targets = found.failover.probe_targets
        reached = await asyncio.gather(*(_is_reachable(target) for target in targets))
        lost = [target for target, there in zip(targets, reached, strict=True) if not there]
        if lost:
            found.forbidden.append(f"it does not reach {', '.join(lost)}")


def _wish(site: dict[str, Any]) -> Failover:
    with suppress(ValidationError):
        return SiteDocument.model_validate(site).failover
    return Failover()


def _is_in_maintenance(state: State) -> bool:
    return any(bool(row.body.get("maintenance")) for row in state.documents)


def _stored(raw: RawEntry) -> StoredEntry | None:
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


def _said(error: Exception) -> str:
    return str(error) or "no answer in time"
