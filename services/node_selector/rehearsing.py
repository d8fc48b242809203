"""Answers rehearsals: a population becomes questions, and their placements the answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from faststream.nats import NatsRouter

from services.node_selector.core.draws import spread
from services.node_selector.core.facts import Question
from services.node_selector.core.rehearsal import Rehearsal, Supposed
from services.node_selector.core.roster import Roster
from services.node_selector.ends import Ends
from services.node_selector.handlers import QUEUE, Directory
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument
from shared.domain.ids import NodeId
from shared.domain.placement import RehearsedPlacement
from shared.events.rehearsal import RehearsedClient, RehearseSelection, SelectionRehearsed
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock


class Live(Protocol):
    """A replica that answers real questions: its directory, and what it hears of the nodes."""

    @property
    def roster(self) -> Roster: ...
    @property
    def directory(self) -> Directory: ...
    async def site(self) -> SiteDocument: ...


class Rehearsals:
    """One replica's rehearsals."""

    def __init__(self, live: Live, ends: Ends, clock: Clock) -> None:
        self._live = live
        self._ends = ends
        self._clock = clock

    async def on_rehearse(self, asked: RehearseSelection) -> SelectionRehearsed:
        site, nodes = await self._live.site(), self._live.directory.nodes
        supposed = Supposed(asked.rule, frozenset(asked.failed), asked.sessions)
        now = self._clock.now()
        rehearsal = Rehearsal(self._live.roster, site, nodes, supposed, now)
        questions = await self._questions(asked, nodes)
        numbers = (client.clients for client in asked.clients)
        chosen = rehearsal.place(zip(questions, numbers, strict=True))
        return SelectionRehearsed(
            placements=_placements(rehearsal, questions, chosen),
            sessions=rehearsal.sessions,
            revision=self._live.directory.revision,
        )

    async def _questions(
        self, asked: RehearseSelection, nodes: Mapping[NodeId, NodeDocument]
    ) -> list[Question]:
        numbered = enumerate(asked.clients, start=asked.first)
        work = (self._question(asked, number, client, nodes) for number, client in numbered)
        return await asyncio.gather(*work)

    async def _question(
        self,
        asked: RehearseSelection,
        number: int,
        client: RehearsedClient,
        nodes: Mapping[NodeId, NodeDocument],
    ) -> Question:
        """The question for one client; chance comes from its number, so it is drawn alike again."""
        (end,) = await self._ends.known((client.facts,), asked.rule, nodes)
        return Question(
            end=end if client.location is None else replace(end, location=client.location),
            count=1,
            chance=spread(f"rehearsal {number}"),
            at=self._clock.unix_ms(),
            now=self._clock.now(),
        )


def _placements(
    rehearsal: Rehearsal, questions: list[Question], chosen: list[NodeId | None]
) -> tuple[RehearsedPlacement, ...]:
    return tuple(
        RehearsedPlacement(node=node, kilometres=rehearsal.kilometres(question, node))
        for question, node in zip(questions, chosen, strict=True)
    )


def router(rehearsals: Rehearsals) -> NatsRouter:
    """Each part of a rehearsal goes to one of the replicas."""
    route = subscription(RehearseSelection, rehearsals.on_rehearse, queue=QUEUE)
    return NatsRouter(handlers=(route,))
