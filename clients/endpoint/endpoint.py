"""Runs one end's tunnel: performs its effects in order, keeps its timer, dials its paths.

Performing an effect may cause further effects (a full socket, a delivered byte). Those wait until
the earlier ones are performed, because the order of records on a link is part of its encryption.
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
from clients.endpoint.path_requests import PathRequests
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
from clients.tunnel.links import LinkTiming
from clients.tunnel.streams import Streams
from clients.tunnel.tunnel import Tunnel
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.node import Side
from shared.domain.path import Path


class StreamHandler(Protocol):
    """Handles what happens to streams; it may call `streams` and `flush` meanwhile."""

    def on_stream(self, effect: StreamEffect) -> None: ...


class ClosableStreamHandler(StreamHandler, Protocol):
    """Handles streams, and ends its own connections when the session is over."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EndpointCallbacks:
    """Functions that an endpoint calls when something happens to its session."""

    on_fact: Callable[[PathEffect], None]
    on_paths_needed: Callable[[], None]
    on_node_found: Callable[[PathGeneration, NodeId], None] = lambda _generation, _node: None
    on_path_failed: Callable[[Path, str], None] = lambda _path, _reason: None
    on_relay_waits: Callable[[Path], None] = lambda _path: None


class Endpoint:
    """One end of a session.

    Set `stream_handler` before the first path is offered; `ended` is done when the tunnel is over.
    """

    stream_handler: StreamHandler

    def __init__(
        self,
        side: Side,
        credentials: Credentials,
        callbacks: EndpointCallbacks,
        timing: LinkTiming | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Ended] = self._loop.create_future()
        self._callbacks = callbacks
        self._tunnel = Tunnel(side, credentials, secrets.token_bytes, now(), timing)
        self._link_ids = itertools.count(1)
        self._paths = Paths()
        self._links: dict[LinkId, RelayLink] = {}
        self._diallers: dict[PathGeneration, asyncio.Task[None]] = {}
        self._is_up = False
        self._latest_links: dict[PathGeneration, RelayLink] = {}
        self._path_requests = PathRequests(
            self._loop,
            lambda: not self._is_up and not self.ended.done(),
            lambda: any(link.is_waiting for link in self._latest_links.values()),
            callbacks.on_paths_needed,
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
        """Take the session's paths from a gateway; new ones are tried first.

        A path by the shared address is offered again as the path of the node that it led to.

        Returns:
            Whether one of them is new.
        """
        if self.ended.done():
            return False
        offered = tuple(paths)
        for generation, node in self._paths.unreported_nodes(offered):
            self._callbacks.on_node_found(generation, node)
        new_paths = self._paths.add(offered)
        if not new_paths:
            return False
        self._abandon_wrong_relays()
        self._perform(self._tunnel.prefer(self._paths.order, now()))
        for path in new_paths:
            self._dial(path)
        if not self._is_up:
            self._path_requests.schedule()
        return True

    def flush(self) -> None:
        """Send what calls of `streams` have queued."""
        self._perform(self._tunnel.flush(now()))

    def close(self, message: str) -> None:
        """End the tunnel in good order; `ended` follows within the linger."""
        self._perform(self._tunnel.close(message, now()))

    def end(self, code: EndCode, message: str) -> None:
        """Stop at once, because the site ended the session; the other end gets *message* too."""
        if self._is_up:
            self._perform(self._tunnel.close(message, now()))
        self._perform((Ended(code, message, by_peer=False),))
        for link in self._links.values():
            link.close()

    def on_waiting(self, link: RelayLink) -> None:
        node = self._paths.record_node(link.path, link.node)
        if node is not None:
            self._callbacks.on_node_found(link.path.generation, node)
        self._callbacks.on_relay_waits(link.path)

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

    def _abandon_wrong_relays(self) -> None:
        """Abandon relays behind the shared address once the path belongs to another node."""
        for generation, link in self._latest_links.items():
            if link.is_waiting and self._paths.leads_elsewhere(generation, link.node):
                link.abandon()

    def _perform(self, effects: Effects) -> None:
        self._queue.extend(effects)
        if self._is_performing:
            return
        self._is_performing = True
        try:
            while self._queue:
                self._perform_one(self._queue.popleft())
        finally:
            self._is_performing = False
        self._set_timer()

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Send(link, data):
                if link in self._links:
                    self._links[link].send(data)
            case CloseLink(link):
                if link in self._links:
                    self._links.pop(link).close()
            case PathUp() | PathLost() | Ended() | Secured() | WordsDiffer() | SecretUnknown():
                if not self.ended.done():
                    self._update_state(effect)
                    self._callbacks.on_fact(effect)
            case _:
                self.stream_handler.on_stream(effect)

    def _update_state(self, effect: PathEffect) -> None:
        match effect:
            case PathUp():
                self._is_up = True
                self._path_requests.path_found()
                self._stop_dialling()
            case PathLost():
                self._is_up = False
                for path in self._paths:
                    self._dial(path)
                self._path_requests.path_lost()
            case Ended():
                self._stop_dialling()
                if self._timer is not None:
                    self._timer.cancel()
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
        task.add_done_callback(partial(_propagate_failure, self.ended))

    def _new_link(self, path: Path) -> RelayLink:
        link = RelayLink(LinkId(next(self._link_ids)), path, self)
        self._latest_links[path.generation] = link
        return link

    def _on_unreachable(self, path: Path, reason: str) -> None:
        if reason:
            self._callbacks.on_path_failed(path, reason)
        self._perform(self._tunnel.path_unreachable(path.generation, now()))

    def _stop_dialling(self) -> None:
        for task in self._diallers.values():
            task.cancel()
        self._diallers.clear()
        self._path_requests.stop()

    def _set_timer(self) -> None:
        """Set the timer no later than the core's deadline; an early tick does no harm."""
        deadline = self._tunnel.deadline()
        if deadline is None or self.ended.done():
            return
        at = self._loop.time() + max(0.0, deadline - now())
        if self._timer is not None and not self._timer.cancelled() and self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._perform(self._tunnel.tick(now()))


def break_streams(endpoint: Endpoint, reason: str) -> None:
    """Break every stream, at the other end as soon as there is a path again."""
    for effect in endpoint.streams.break_all(reason):
        endpoint.stream_handler.on_stream(effect)
    endpoint.flush()


def _propagate_failure(ended: "asyncio.Future[Ended]", dialler: "asyncio.Task[None]") -> None:
    """End the endpoint with the error of a dialler, which only a broken invariant causes."""
    error = None if dialler.cancelled() else dialler.exception()
    if error is not None and not ended.done():
        ended.set_exception(error)
