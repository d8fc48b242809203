"""Answers who may take a client, from the directory and the heartbeats of now.

A replica that has just started waits a moment for the directory and for the nodes that it has not
heard yet, so that its first answers are not made from half a picture.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from faststream.nats import NatsRoute, NatsRouter

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.liveness import LiveState, Load
from services.node_selector.core.methods import Client
from services.node_selector.core.prefixes import PrefixTable
from services.node_selector.core.selection import Field, Placement, place, require_node
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.selection import SelectionOverride, merged
from shared.documents.site import SiteDocument
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId, Revision
from shared.domain.node import MasterRole, NodeRole
from shared.events.node import NodeHeartbeat
from shared.events.selection import (
    Choice,
    ExplainSelection,
    NodesSelected,
    NodeVerdict,
    SelectNodes,
)
from shared.runtime.clock import Clock

QUEUE: Final = "node_selector"
SETTLE_SECONDS: Final = 1.0
"""Longest wait for the directory, and after its first reading for heartbeats: two intervals."""


class Directory(Protocol):
    """The site and its nodes, as somebody keeps them up to date."""

    @property
    def site(self) -> SiteDocument | None: ...
    @property
    def nodes(self) -> dict[NodeId, NodeDocument]: ...
    @property
    def overrides(self) -> dict[tuple[Kind, str], SelectionOverride]: ...
    @property
    def revision(self) -> Revision: ...
    def heard(self, revision: Revision | None) -> None: ...


@dataclass(frozen=True)
class Draws:
    """What a replica gets from outside its facts: its version, and chance for each answer."""

    version: str
    chance: Callable[[], int]


class Selector:
    """One replica: the directory, the live state, and the questions."""

    def __init__(self, directory: Directory, clock: Clock, draws: Draws) -> None:
        self._directory = directory
        self._clock = clock
        self._draws = draws
        self._live = LiveState()
        self._prefixes = PrefixTable({})
        self._read_at: Instant | None = None
        self._news = asyncio.Event()

    def on_directory(self) -> None:
        """The directory changed."""
        nodes = self._directory.nodes
        if self._read_at is None:
            self._read_at = self._clock.now()
        self._prefixes = PrefixTable({name: nodes[name].prefixes for name in nodes})
        self._news.set()

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        if event.service == "relay":
            load = Load(event.sessions, event.draining, event.version)
            self._live.relay_spoke(event.node, load, self._clock.now())
            self._news.set()
        else:
            is_primary = event.role is MasterRole.PRIMARY
            self._live.master_spoke(event.node, event.epoch, is_primary=is_primary)
            self._directory.heard(event.applied_revision)

    async def on_select(self, question: SelectNodes) -> NodesSelected:
        placement = await self._placement(question)
        require_node(placement)
        return self._answer(placement)

    async def on_explain(self, question: ExplainSelection) -> NodesSelected:
        return self._answer(await self._placement(question))

    async def _placement(self, question: SelectNodes) -> Placement:
        await self._settle()
        client = Client(
            address=question.client.address,
            count=question.count,
            avoid=frozenset(question.avoid),
            chance=self._draws.chance(),
            utc_offset_minutes=question.client.utc_offset_minutes,
            at=self._clock.unix_ms(),
        )
        return place(client, self._field(question))

    def _field(self, question: SelectNodes) -> Field:
        site, now = self._directory.site, self._clock.now()
        if site is None:
            raise NoTrafficNode(
                "no node takes new clients now: no directory was read yet", retry_after_seconds=1
            )
        said = self._directory.overrides
        asked = question.methods or ((question.method,) if question.method else None)
        policy = merged(
            site.selection,
            said.get((Kind.PUBLIC_SITE, question.public_site or "")),
            said.get((Kind.TEAM, question.team or "")),
            SelectionOverride(methods=asked),
        )
        return Field(
            candidates=[
                Candidate(node, document, self._live.seen(node, site.timing, now))
                for node, document in self._directory.nodes.items()
            ],
            prefixes=self._prefixes,
            policy=policy,
            version=self._draws.version,
            primary=self._live.primary,
            nothing_heard=self._live.is_empty,
        )

    async def _settle(self) -> None:
        now = self._clock.now()
        left = (now if self._read_at is None else self._read_at) + SETTLE_SECONDS - now
        if left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    while not self._knows_everybody():
                        self._news.clear()
                        await self._news.wait()

    def _knows_everybody(self) -> bool:
        site, now = self._directory.site, self._clock.now()
        return site is not None and all(
            self._live.seen(node, site.timing, now) is not None
            for node, document in self._directory.nodes.items()
            if document.role is NodeRole.TRAFFIC
        )

    def _answer(self, placement: Placement) -> NodesSelected:
        nodes = self._directory.nodes
        addresses = [(node, nodes[node].public_address) for node in placement.chosen]
        return NodesSelected(
            choices=tuple(
                Choice(node=node, host=address.host, port=address.port)
                for node, address in addresses
                if address is not None
            ),
            method=placement.method,
            explanation=tuple(
                NodeVerdict(node=each.node, rank=each.rank, reason=each.reason)
                for each in placement.verdicts
            ),
            revision=self._directory.revision,
            fallback_to_primary=placement.fallback_to_primary,
        )


def router(selector: Selector) -> NatsRouter:
    """Every replica hears every heartbeat; each question goes to one of them."""
    return NatsRouter(
        handlers=(
            NatsRoute(selector.on_heartbeat, NodeHeartbeat.subject.wildcard),
            NatsRoute(selector.on_select, SelectNodes.subject.address(), queue=QUEUE),
            NatsRoute(selector.on_explain, ExplainSelection.subject.address(), queue=QUEUE),
        )
    )
