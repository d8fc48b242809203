"""Answers which nodes take a client, from the directory and the heartbeats of now.

A replica that has just started waits a moment for the directory, and for a heartbeat of each
traffic node, so that its first answers do not rest on a part of the facts.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from services.node_selector.core.facts import End, Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.roster import Roster
from services.node_selector.core.selection import (
    Placement,
    build_placement_input,
    choose_with_reasons,
    deciding_fact,
    place,
    require_node,
)
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, SelectionOverride, merged
from shared.documents.site import SiteDocument
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId, Revision
from shared.domain.node import MasterRole, NodeRole
from shared.domain.placement import Choice, NodeVerdict, SharedAddress
from shared.events.node import NodeHeartbeat
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected, SelectNodes
from shared.runtime.clock import Clock

SETTLE_SECONDS: Final = 1.0
"""Longest wait for the directory, and after its first reading for heartbeats: two intervals."""


class ReadsDirectory(Protocol):
    """The site's documents; their owner keeps them up to date."""

    @property
    def site(self) -> SiteDocument | None: ...
    @property
    def nodes(self) -> dict[NodeId, NodeDocument]: ...
    @property
    def overrides(self) -> dict[tuple[Kind, str], SelectionOverride]: ...
    @property
    def revision(self) -> Revision: ...
    def heard(self, revision: Revision | None) -> None: ...


class CollectsFacts(Protocol):
    """Completes the facts that clients sent with those that a rule's methods need."""

    async def collect(
        self,
        clients: tuple[ClientFacts, ...],
        rule: Selection,
        nodes: Mapping[NodeId, NodeDocument],
        before: str = "",
    ) -> tuple[End, ...]: ...


class Selector:
    """One replica: its directory, its live state, and its answers.

    *chance* draws a random number of 64 bits for each answer.
    """

    def __init__(
        self,
        directory: ReadsDirectory,
        collector: CollectsFacts,
        clock: Clock,
        roster: Roster,
        chance: Callable[[], int],
    ) -> None:
        self.directory = directory
        self.roster = roster
        self._collector = collector
        self._clock = clock
        self._chance = chance
        self._read_at: Instant | None = None
        self._changed = asyncio.Event()

    @property
    def feed_lost_seconds(self) -> float | None:
        """Return how long no relay at all was heard, once that is too long to be chance."""
        return self.roster.feed_lost_seconds(self._clock.now())

    def refresh_directory(self) -> None:
        """Take the directory's documents into the roster, after each change of them."""
        if self._read_at is None:
            self._read_at = self._clock.now()
        if self.directory.site is not None:
            self.roster.update_directory(self.directory.site, self.directory.nodes)
        self._changed.set()

    def record_heartbeat(self, event: NodeHeartbeat) -> None:
        """Keep a relay's load, or what a master says of its role and its revision."""
        if event.service == "relay":
            load = Load(event.sessions, event.draining, event.version)
            self.roster.record_relay(event.node, load, self._clock.now())
            self._changed.set()
        else:
            is_primary = event.role is MasterRole.PRIMARY
            self.roster.live.record_master(event.node, event.epoch, is_primary=is_primary)
            self.directory.heard(event.applied_revision)

    async def select(self, request: SelectNodes) -> NodesSelected:
        """Choose nodes for a client, with the reasons for the chosen ones.

        Raises:
            NoTrafficNode: no node may take the client.
        """
        rule = await self._rule(request)
        question = await self._question(request, rule)
        placement = choose_with_reasons(question, rule, self.roster)
        if not placement.chosen:
            placement = place(question, build_placement_input(self.roster, rule, question.now))
            require_node(placement)
        return self._answer(placement, rule)

    async def explain(self, request: ExplainSelection) -> NodesSelected:
        """Rank every node for a client, with a verdict on each."""
        rule = await self._rule(request)
        question = await self._question(request, rule)
        return self._answer(
            place(question, build_placement_input(self.roster, rule, question.now)), rule
        )

    async def site(self) -> SiteDocument:
        """Return the site's document, once this replica knows enough to answer.

        Raises:
            NoTrafficNode: no directory was read yet.
        """
        await self._settle()
        if self.directory.site is None:
            raise NoTrafficNode(
                "no node takes new clients now: no directory was read yet", retry_after_seconds=1
            )
        return self.directory.site

    async def _rule(self, request: SelectNodes) -> Selection:
        """Merge the rules of the site, the public site, the team and the request, in that order."""
        site, overrides = await self.site(), self.directory.overrides
        methods = request.methods or None
        return merged(
            site.selection,
            overrides.get((Kind.PUBLIC_SITE, request.public_site or "")),
            overrides.get((Kind.TEAM, request.team or "")),
            SelectionOverride(methods=methods),
        )

    async def _question(self, request: SelectNodes, rule: Selection) -> Question:
        clients = (request.client,) if request.other is None else (request.client, request.other)
        question = self._build_question(
            request, *(End(each.address, each.side) for each in clients)
        )
        before = deciding_fact(question, rule, self.roster)
        ends = await self._collector.collect(clients, rule, self.directory.nodes, before)
        return self._build_question(request, *ends)

    def _build_question(self, request: SelectNodes, end: End, other: End | None = None) -> Question:
        """Build the core's question from a request and the facts of its ends, as of now."""
        return Question(
            end=end,
            other=other,
            count=max(request.count, 1),
            avoid=frozenset(request.avoid),
            pin=request.pin,
            current=request.current,
            chance=self._chance(),
            at=self._clock.unix_ms(),
            now=self._clock.now(),
        )

    async def _settle(self) -> None:
        now = self._clock.now()
        remaining = (now if self._read_at is None else self._read_at) + SETTLE_SECONDS - now
        if remaining > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    while not self._knows_every_node():
                        self._changed.clear()
                        await self._changed.wait()

    def _knows_every_node(self) -> bool:
        return self.directory.site is not None and all(
            self.roster.live.record_of(node) is not None
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
