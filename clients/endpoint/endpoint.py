"""Runs one end's tunnel: performs its effects in their order, keeps its timer, dials for it.

Performing an effect may lead to more (a full socket, a delivered byte); those wait until the ones
before them are done, because the order of what is sent on a link is part of its encryption.
"""

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from clients.clock import now
from clients.endpoint.dialling import Dialler, RelayLink
from clients.endpoint.path_requests import Asking
from clients.endpoint.paths import Paths
from clients.tunnel.effects import (
    CloseLink,
    Effect,
    Effects,
    EndCode,
    Ended,
    LinkId,
    PathEffect,
    PathLost,
    PathUp,
    SecretUnknown,
    Secured,
    Send,
    StreamEffect,
    WordsDiffer,
)
from clients.tunnel.exchange import Credentials
from clients.tunnel.links import Timing
from clients.tunnel.streams import Streams
from clients.tunnel.tunnel import Tunnel
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.node import Side
from shared.domain.path import Path


class StreamUser(Protocol):
    """Who uses the streams; verbs and `flush` may be called from here."""

    def on_stream(self, effect: StreamEffect) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an endpoint tells, and whom."""

    on_fact: Callable[[PathEffect], None]
    on_paths_needed: Callable[[], None]
    on_node_found: Callable[[PathGeneration, NodeId], None] = lambda _generation, _node: None
    on_path_failed: Callable[[PathGeneration, str], None] = lambda _generation, _reason: None


class Endpoint:
    """One end of a session.

    Set `user` before the first path is offered; `ended` is done when the tunnel is over.
    """

    user: StreamUser

    def __init__(
        self,
        side: Side,
        credentials: Credentials,
        surroundings: Surroundings,
        timing: Timing | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Ended] = self._loop.create_future()
        self._surroundings = surroundings
        self._tunnel = Tunnel(side, credentials, secrets.token_bytes, now(), timing)
        self._link_ids = itertools.count(1)
        self._paths = Paths()
        self._links: dict[LinkId, RelayLink] = {}
        self._diallers: dict[PathGeneration, asyncio.Task[None]] = {}
        self._is_up = False
        self._waits: dict[PathGeneration, RelayLink] = {}
        self._asking = Asking(
            self._loop,
            lambda: not self._is_up and not self.ended.done(),
            lambda: any(link.is_waiting for link in self._waits.values()),
            surroundings.on_paths_needed,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._queue: deque[Effect] = deque()
        self._is_performing = False

    @property
    def streams(self) -> Streams:
        return self._tunnel.streams

    def node_of(self, generation: PathGeneration) -> str:
        """The node that path *generation* leads through, as far as it is known."""
        return self._paths.node_of(generation)

    def offer(self, paths: Iterable[Path]) -> bool:
        """The session's paths, as a gateway tells them; those not known before are tried first.

        A path by the shared address comes again as one of the node that it led to.

        Returns:
            Whether there was one not known before.
        """
        if self.ended.done():
            return False
        told = tuple(paths)
        for generation, node in self._paths.unheard(told):
            self._surroundings.on_node_found(generation, node)
        fresh = self._paths.learn(told)
        if not fresh:
            return False
        self._leave_strangers()
        self._perform(self._tunnel.prefer(self._paths.order, now()))
        for path in fresh:
            self._dial(path)
        if not self._is_up:
            self._asking.look_later()
        return True

    def flush(self) -> None:
        """Send what the streams' verbs have left."""
        self._perform(self._tunnel.flush(now()))

    def close(self, message: str) -> None:
        """End the tunnel in good order; `ended` follows within the linger."""
        self._perform(self._tunnel.close(message, now()))

    def end(self, code: EndCode, message: str) -> None:
        """The site ended the session: stop at once."""
        self._perform((Ended(code, message, by_peer=False),))
        for link in self._links.values():
            link.close()

    def on_waiting(self, link: RelayLink) -> None:
        node = self._paths.find(link.path, link.node)
        if node is not None:
            self._surroundings.on_node_found(link.path.generation, node)

    def on_ready(self, link: RelayLink, leftover: bytes) -> None:
        if self.ended.done():
            link.close()
            return
        self._links[link.id] = link
        self._perform(self._tunnel.link_ready(link.id, link.path.generation, now()))
        if leftover:
            self.on_bytes(link, leftover)

    def on_bytes(self, link: RelayLink, data: bytes) -> None:
        self._perform(self._tunnel.link_received(link.id, data, now()))

    def on_blocked(self, link: RelayLink, *, blocked: bool) -> None:
        self._perform(self._tunnel.link_blocked(link.id, now(), blocked=blocked))

    def on_lost(self, link: RelayLink) -> None:
        self._links.pop(link.id, None)
        self._perform(self._tunnel.link_lost(link.id, now()))

    def _leave_strangers(self) -> None:
        """Leave relays that the shared address led to when the path is another's by now."""
        for generation, link in self._waits.items():
            if link.is_waiting and self._paths.leads_elsewhere(generation, link.node):
                link.give_up()

    def _perform(self, effects: Effects) -> None:
        self._queue.extend(effects)
        if self._is_performing:
            return
        self._is_performing = True
        try:
            while self._queue:
                self._do(self._queue.popleft())
        finally:
            self._is_performing = False
        self._arm()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(link, data):
                if link in self._links:
                    self._links[link].send(data)
            case CloseLink(link):
                if link in self._links:
                    self._links.pop(link).close()
            case Ended() if self.ended.done():
                pass
            case PathUp() | PathLost() | Ended() | Secured() | WordsDiffer() | SecretUnknown():
                self._note(effect)
                self._surroundings.on_fact(effect)
            case _:
                self.user.on_stream(effect)

    def _note(self, effect: PathEffect) -> None:
        match effect:
            case PathUp():
                self._is_up = True
                self._asking.path_found()
                self._stop_dialling()
            case PathLost():
                self._is_up = False
                for path in self._paths:
                    self._dial(path)
                self._asking.path_lost()
            case Ended():
                self._stop_dialling()
                if self._timer is not None:
                    self._timer.cancel()
                if not self.ended.done():
                    self.ended.set_result(effect)
            case _:
                pass

    def _dial(self, path: Path) -> None:
        task = self._diallers.get(path.generation)
        if task is not None and not task.done():
            return
        dialler = Dialler(
            lambda: self._paths[path.generation],
            self._new_link,
            self._on_unreachable,
            lambda: not self._is_up,
        )
        task = self._diallers[path.generation] = self._loop.create_task(dialler.run())
        task.add_done_callback(partial(_fail_with, self.ended))

    def _new_link(self, path: Path) -> RelayLink:
        link = RelayLink(LinkId(next(self._link_ids)), path, self)
        self._waits[path.generation] = link
        return link

    def _on_unreachable(self, path: Path, reason: str) -> None:
        if reason:
            self._surroundings.on_path_failed(path.generation, reason)
        self._perform(self._tunnel.path_unreachable(path.generation, now()))

    def _stop_dialling(self) -> None:
        for task in self._diallers.values():
            task.cancel()
        self._diallers.clear()
        self._asking.stop()

    def _arm(self) -> None:
        """Ring no later than the core wants; too early costs nothing but a look."""
        deadline = self._tunnel.deadline()
        if deadline is None or self.ended.done():
            return
        at = self._loop.time() + max(0.0, deadline - now())
        if self._timer is not None and not self._timer.cancelled() and self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._perform(self._tunnel.tick(now()))


def _fail_with(ended: "asyncio.Future[Ended]", dialler: "asyncio.Task[None]") -> None:
    """A dialler fails only when an invariant is broken: then the endpoint does."""
    error = None if dialler.cancelled() else dialler.exception()
    if error is not None and not ended.done():
        ended.set_exception(error)
