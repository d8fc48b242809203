"""Reads where the site's address should lead: from the role, and from the configuration."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import ValidationError

from services.failover_monitor.redirection.core import DesiredState
from shared.documents import Kind
from shared.documents.redirection import RedirectionMethod
from shared.documents.site import SiteDocument
from shared.domain.errors import MeridianError
from shared.domain.ids import Epoch, Instant, NodeId
from shared.persistence.master_state import State
from shared.runtime.clock import Clock

STORE_SECONDS: Final = 2.0


class MethodDriver(Protocol):
    """One way to direct the address; a method that is cancelled leaves nothing running.

    A method with *again_seconds* repeats its work that often, so repeating must do no harm.
    """

    @property
    def again_seconds(self) -> float | None: ...

    async def redirect(self, desired: DesiredState) -> None:
        """Direct the address to the desired node.

        Raises:
            RedirectionFailed: it does not lead there; the message is one sentence.
        """
        ...

    async def release(self, desired: DesiredState) -> None:
        """Give up at once what *again_seconds* kept; does nothing where nothing is held.

        Raises:
            RedirectionFailed: it is not given up; the message is one sentence.
        """
        ...


class RoleView(Protocol):
    """Says whether this master is primary, and in which epoch."""

    @property
    def epoch(self) -> Epoch: ...
    def is_primary(self, now: Instant) -> bool: ...


class RedirectionDocuments(Protocol):
    """The configuration, as this master has it."""

    async def read(self, kinds: Sequence[str] = (), id_: str | None = None) -> State: ...


@dataclass(frozen=True)
class SiteSettings:
    """The setting of the configuration in *epoch*."""

    epoch: Epoch
    site: SiteDocument
    gateway_url: str


class DesiredStateReader:
    """Reads the configuration while this master is primary, and derives the desired state."""

    def __init__(
        self, node: NodeId, role: RoleView, documents: RedirectionDocuments, clock: Clock
    ) -> None:
        self._node = node
        self._role = role
        self._documents = documents
        self._clock = clock
        self._settings: SiteSettings | None = None
        self._log = logging.getLogger("meridian.redirection")

    def is_primary(self) -> bool:
        """Say whether this master is primary now."""
        return self._role.is_primary(self._clock.now())

    def is_current(self) -> bool:
        """Say whether the settings were read in the present epoch."""
        return self._settings is not None and self._settings.epoch == self._role.epoch

    async def read(self) -> None:
        """Read the documents; the last settings stay when that fails."""
        epoch = self._role.epoch
        try:
            async with asyncio.timeout(STORE_SECONDS):
                state = await self._documents.read((Kind.SITE, Kind.NODE))
            self._settings = _settings(epoch, self._node, state)
        except (MeridianError, ValidationError, TimeoutError) as error:
            self._log.warning("the site's redirection settings cannot be read: %s", error)

    def desired(self, methods: Mapping[RedirectionMethod, MethodDriver]) -> DesiredState | None:
        """Return where one of *methods* should lead the address; None when nothing is to do."""
        settings = self._settings
        if settings is None or settings.epoch != self._role.epoch or not self.is_primary():
            return None
        setting = settings.site.redirection
        if setting.method is RedirectionMethod.NONE:
            return None
        return DesiredState(
            settings.site.name,
            self._node,
            settings.epoch,
            setting,
            settings.gateway_url,
            methods[setting.method].again_seconds,
        )


def _settings(epoch: Epoch, node: NodeId, state: State) -> SiteSettings | None:
    site, gateway_url = None, ""
    for row in state.documents:
        if row.kind == Kind.SITE:
            site = SiteDocument.model_validate(row.body)
        elif row.id == node:
            gateway_url = str(row.body.get("gateway_url") or "")
    return None if site is None else SiteSettings(epoch, site, gateway_url)
