"""Performs what the redirection's core wants, beside the lease and never in its way.

Nothing of it may end the monitor: an attempt that goes wrong in a way that nobody foresaw is a
failed attempt, told and tried again like any other.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, assert_never

from prometheus_client import CollectorRegistry, Gauge
from pydantic import ValidationError

from services.failover_monitor.redirection.core import (
    Attempt,
    Effect,
    Redirecting,
    Release,
    Standing,
    Stop,
    Tell,
    Wish,
)
from shared.documents import Kind
from shared.documents.redirection import RedirectionMethod
from shared.documents.site import SiteDocument
from shared.domain.containment import shortened
from shared.domain.errors import MeridianError, RedirectionFailed
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.failover import RedirectionChanged
from shared.messaging.ports import Emits
from shared.persistence.master_state import State
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment

ROLE_SECONDS: Final = 0.5
"""How often the role is looked at; a new primary is told at once."""
DOCUMENTS_SECONDS: Final = 5.0
STORE_SECONDS: Final = 2.0


class Method(Protocol):
    """One way to lead the address; cancelled, it leaves nothing running.

    Where *again_seconds* is set, what was done is done again that often, so it must do no harm.
    """

    @property
    def again_seconds(self) -> float | None: ...

    async def lead(self, wish: Wish) -> None:
        """Lead the address to the wish's node.

        Raises:
            RedirectionFailed: it does not lead there; the message is one sentence.
        """
        ...

    async def release(self, wish: Wish) -> None:
        """Give up at once what *again_seconds* kept; nothing where nothing is held.

        Raises:
            RedirectionFailed: it is not given up; the message is one sentence.
        """
        ...


class Role(Protocol):
    """Whether this master is primary."""

    @property
    def epoch(self) -> Epoch: ...
    def is_primary(self, now: Instant) -> bool: ...


class Documents(Protocol):
    """The configuration, as this master has it."""

    async def read(self, kinds: Sequence[str] = (), id_: str | None = None) -> State: ...


@dataclass(frozen=True)
class Surroundings:
    """Who this master is, and what it reads, asks and tells."""

    node: NodeId
    role: Role
    documents: Documents
    events: Emits
    clock: Clock
    registry: CollectorRegistry
    containment: Containment


@dataclass(frozen=True)
class Known:
    """What the configuration said in *epoch*."""

    epoch: Epoch
    site: SiteDocument
    gateway_url: str


class Redirector:
    """Looks at the role and the configuration, and leads the address here."""

    def __init__(self, around: Surroundings, methods: Mapping[RedirectionMethod, Method]) -> None:
        self._around = around
        self._methods = methods
        self._core = Redirecting()
        self._known: Known | None = None
        self._taken, self._news = asyncio.Event(), asyncio.Event()
        self._trying: asyncio.Task[str | None] | None = None
        self._releasing: set[asyncio.Task[str | None]] = set()
        self._log = logging.getLogger("meridian.redirection")
        self._failing = Gauge(
            "meridian_redirection_failing",
            "1 while the site's address cannot be led to this primary",
            registry=around.registry,
        )

    def on_taken(self) -> None:
        """This master became primary."""
        self._taken.set()
        self._news.set()

    def status(self) -> RedirectionStatus:
        """How it stands, for whoever asks this master."""
        standing = self._core.standing
        return RedirectionStatus(
            state=standing.state,
            attempts=standing.attempts,
            code=_code(standing),
            cause=standing.cause,
        )

    async def run(self) -> None:
        """Lead the address, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_documents())
                tasks.create_task(self._drive())
        finally:
            self._perform(self._core.wished(None, self._around.clock.now()))
            ending = {*self._releasing, *filter(None, [self._trying])}
            if ending:
                await asyncio.wait(ending)

    async def _keep_documents(self) -> None:
        """Know what the configuration wants while this master is primary."""
        while True:
            self._taken.clear()
            if self._is_primary():
                await self._read()
            knows = self._known is not None and self._known.epoch == self._around.role.epoch
            await _wait(self._taken, DOCUMENTS_SECONDS if knows else ROLE_SECONDS)

    async def _read(self) -> None:
        """Read the documents; what is known stays when that fails."""
        epoch = self._around.role.epoch
        try:
            async with asyncio.timeout(STORE_SECONDS):
                state = await self._around.documents.read((Kind.SITE, Kind.NODE))
            self._known = _known(epoch, self._around.node, state)
        except (MeridianError, ValidationError, TimeoutError) as error:
            self._log.warning("what the site wants redirected cannot be read: %s", error)
        self._news.set()

    async def _drive(self) -> None:
        while True:
            self._news.clear()
            now = self._around.clock.now()
            self._perform(self._core.wished(self._wish(), now))
            self._perform(self._core.tick(now))
            await _wait(self._news, self._pause(now))

    def _pause(self, now: Instant) -> float:
        due_at = self._core.deadline()
        return ROLE_SECONDS if due_at is None else max(0.0, min(ROLE_SECONDS, due_at - now))

    def _is_primary(self) -> bool:
        return self._around.role.is_primary(self._around.clock.now())

    def _wish(self) -> Wish | None:
        known, around = self._known, self._around
        if known is None or known.epoch != around.role.epoch or not self._is_primary():
            return None
        setting = known.site.redirection
        if setting.method is RedirectionMethod.NONE:
            return None
        return Wish(
            known.site.name,
            around.node,
            known.epoch,
            setting,
            known.gateway_url,
            self._methods[setting.method].again_seconds,
        )

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Attempt(wish):
                    self._trying = self._start(wish, self._lead(wish))
                    self._trying.add_done_callback(self._ended)
                case Stop():
                    assert self._trying is not None, "only what is under way is stopped"
                    self._trying.cancel()
                case Release(wish):
                    releasing = self._start(wish, self._release(wish))
                    self._releasing.add(releasing)
                    releasing.add_done_callback(self._releasing.discard)
                case Tell():
                    self._tell(effect)
                case _:
                    assert_never(effect)

    def _start(self, wish: Wish, work: Coroutine[Any, Any, None]) -> "asyncio.Task[str | None]":
        """Do *work* as a task; a fault is the cause why the attempt failed."""
        method = wish.setting.method
        return self._around.containment.start(
            "redirection", method, self._try(wish, work), lambda cause: f"{method} failed: {cause}"
        )

    def _ended(self, attempt: asyncio.Task[str | None]) -> None:
        self._trying = None
        cause = "it was stopped" if attempt.cancelled() else attempt.result()
        self._perform(self._core.ended(cause, self._around.clock.now()))
        self._news.set()

    def _lead(self, wish: Wish) -> Coroutine[Any, Any, None]:
        return self._methods[wish.setting.method].lead(wish)

    async def _release(self, wish: Wish) -> None:
        try:
            await self._methods[wish.setting.method].release(wish)
        except RedirectionFailed as error:
            self._log.warning("the site's address is not given up yet: %s", error.message)

    async def _try(self, wish: Wish, work: Coroutine[Any, Any, None]) -> str | None:
        """Do *work* for *wish*; why it failed, or None."""
        method, limit = wish.setting.method, wish.setting.time_limit_seconds
        try:
            async with asyncio.timeout(limit):
                await work
        except TimeoutError:
            return f"{method} took longer than {limit:g} s and was stopped"
        except RedirectionFailed as error:
            return shortened(error.message)
        return None

    def _tell(self, effect: Tell) -> None:
        after, wish = effect.after, effect.wish
        self._failing.set(after.state is RedirectionState.FAILING)
        if wish is None:
            return
        method = wish.setting.method
        if after.state is RedirectionState.FAILING:
            self._log.warning("the site's address does not lead here yet: %s", after.cause)
        else:
            self._log.info("leading the site's address here by %s: %s", method, after.state)
        self._around.events.emit(
            RedirectionChanged(
                node=wish.node,
                epoch=wish.epoch,
                method=method,
                before=effect.before.state,
                state=after.state,
                code=_code(after),
                cause=after.cause,
            )
        )


def _known(epoch: Epoch, node: NodeId, state: State) -> Known | None:
    site, gateway_url = None, ""
    for row in state.documents:
        if row.kind == Kind.SITE:
            site = SiteDocument.model_validate(row.body)
        elif row.id == node:
            gateway_url = str(row.body.get("gateway_url") or "")
    return None if site is None else Known(epoch, site, gateway_url)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until *event* happens, at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _code(standing: Standing) -> str:
    return RedirectionFailed.code if standing.cause else ""
