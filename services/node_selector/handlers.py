"""Answers who may take a client, from the directory and the heartbeats of now.

A replica that has just started waits a moment for the directory and for the nodes that it has not
heard yet, so that its first answers are not made from half a picture.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from faststream.nats import NatsRouter

from services.node_selector.core.facts import End, Question
from services.node_selector.core.liveness import Load
from services.node_selector.core.roster import Roster
from services.node_selector.core.selection import (
    Placement,
    chosen_because,
    comes_first,
    field_of,
    place,
    require_node,
)
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.selection import (
    Selection,
    SelectionOverride,
    merged,
)
from shared.documents.site import SiteDocument
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId, Revision
from shared.domain.node import MasterRole, NodeRole
from shared.domain.placement import Choice, NodeVerdict, SharedAddress
from shared.events.node import NodeHeartbeat
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected, SelectNodes
from shared.messaging.subscription import subscription
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


class Ends(Protocol):
    """Completes what ends told of themselves with what a rule's methods ask for."""

    async def known(
        self,
        told: tuple[ClientFacts, ...],
        rule: Selection,
        nodes: Mapping[NodeId, NodeDocument],
        before: str = "",
    ) -> tuple[End, ...]: ...


@dataclass(frozen=True)
class Draws:
    """What a replica gets from outside its facts: its version, and chance for each answer."""

    version: str
    chance: Callable[[], int]


class Selector:
    """One replica: the directory, the live state, and the questions."""

    def __init__(self, directory: Directory, ends: Ends, clock: Clock, draws: Draws) -> None:
        self.directory = directory
        self._ends = ends
        self._clock = clock
        self._chance = draws.chance
        self.roster = Roster(draws.version)
        self._read_at: Instant | None = None
        self._news = asyncio.Event()

    @property
    def deaf_seconds(self) -> float | None:
        """For how long nobody at all was heard, once that is too long to be chance."""
        return self.roster.deaf_seconds(self._clock.now())

    def on_directory(self) -> None:
        """The directory changed."""
        if self._read_at is None:
            self._read_at = self._clock.now()
        if self.directory.site is not None:
            self.roster.read(self.directory.site, self.directory.nodes)
        self._news.set()

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        if event.service == "relay":
            load = Load(event.sessions, event.draining, event.version)
            self.roster.relay_spoke(event.node, load, self._clock.now())
            self._news.set()
        else:
            is_primary = event.role is MasterRole.PRIMARY
            self.roster.live.master_spoke(event.node, event.epoch, is_primary=is_primary)
            self.directory.heard(event.applied_revision)

    async def on_select(self, asked: SelectNodes) -> NodesSelected:
        rule = await self._rule(asked)
        question = await self._question(asked, rule)
        placement = chosen_because(question, rule, self.roster)
        if not placement.chosen:
            placement = place(question, field_of(self.roster, rule, question.now))
            require_node(placement)
        return self._answer(placement, rule)

    async def on_explain(self, asked: ExplainSelection) -> NodesSelected:
        rule = await self._rule(asked)
        question = await self._question(asked, rule)
        return self._answer(place(question, field_of(self.roster, rule, question.now)), rule)

    async def site(self) -> SiteDocument:
        """The site's document, once this replica knows enough to answer.

        Raises:
            NoTrafficNode: no directory was read yet.
        """
        await self._settle()
        if self.directory.site is None:
            raise NoTrafficNode(
                "no node takes new clients now: no directory was read yet", retry_after_seconds=1
            )
        return self.directory.site

    async def _rule(self, asked: SelectNodes) -> Selection:
        """What holds for this session: the site's word, its public site's, its team's, its own."""
        site, said = await self.site(), self.directory.overrides
        methods = asked.methods or None
        return merged(
            site.selection,
            said.get((Kind.PUBLIC_SITE, asked.public_site or "")),
            said.get((Kind.TEAM, asked.team or "")),
            SelectionOverride(methods=methods),
        )

    async def _question(self, asked: SelectNodes, rule: Selection) -> Question:
        told = (asked.client,) if asked.other is None else (asked.client, asked.other)
        bare = self._put(asked, *(End(each.address, each.side) for each in told))
        before = comes_first(bare, rule, self.roster)
        return self._put(asked, *await self._ends.known(told, rule, self.directory.nodes, before))

    def _put(self, asked: SelectNodes, end: End, other: End | None = None) -> Question:
        """What is asked, with what is known of the ends, as of now."""
        return Question(
            end=end,
            other=other,
            count=max(asked.count, 1),
            avoid=frozenset(asked.avoid),
            pin=asked.pin,
            current=asked.current,
            chance=self._chance(),
            at=self._clock.unix_ms(),
            now=self._clock.now(),
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
        return self.directory.site is not None and all(
            self.roster.live.word(node) is not None
            for node, document in self.directory.nodes.items()
            if document.role is NodeRole.TRAFFIC
        )

    def _answer(self, placement: Placement, rule: Selection) -> NodesSelected:
        nodes = self.directory.nodes
        addresses = [(node, nodes[node].public_address) for node in placement.chosen]
        shared = rule.ip_anycast if placement.is_by_network else None
        return NodesSelected(
            choices=tuple(
                Choice(node=node, host=address.host, port=address.port)
                for node, address in addresses
                if address is not None
            ),
            method=placement.method,
            policy=rule.policy,
            explanation=tuple(
                NodeVerdict(node=each.node, rank=each.rank, reason=each.reason)
                for each in placement.verdicts
            ),
            notes=placement.notes,
            revision=self.directory.revision,
            fallback_to_primary=placement.fallback_to_primary,
            shared=None if shared is None else SharedAddress(host=shared.host, port=shared.port),
        )


def router(selector: Selector) -> NatsRouter:
    """Every replica hears every heartbeat; each question goes to one of them."""
    return NatsRouter(
        handlers=(
            subscription(NodeHeartbeat, selector.on_heartbeat),
            subscription(SelectNodes, selector.on_select, queue=QUEUE),
            subscription(ExplainSelection, selector.on_explain, queue=QUEUE),
        )
    )
