"""Answers rehearsals: turns a population into questions and returns where each client would go."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from services.node_selector.core.facts import Question
from services.node_selector.core.rehearsal import Assumptions, Rehearsal
from services.node_selector.core.sampling import hash_text
from services.node_selector.placement.selector import CollectsFacts, Selector
from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId
from shared.domain.placement import RehearsedPlacement
from shared.events.rehearsal import RehearsedClient, RehearseSelection, SelectionRehearsed
from shared.runtime.clock import Clock


class Rehearsals:
    """The rehearsals of one replica, over the live state of its selector."""

    def __init__(self, selector: Selector, collector: CollectsFacts, clock: Clock) -> None:
        self._selector = selector
        self._collector = collector
        self._clock = clock

    async def rehearse(self, request: RehearseSelection) -> SelectionRehearsed:
        """Place each client of *request* under its rule and its assumptions.

        Raises:
            NoTrafficNode: no directory was read yet.
        """
        site, nodes = await self._selector.site(), self._selector.directory.nodes
        assumptions = Assumptions(request.rule, frozenset(request.failed), request.sessions)
        now = self._clock.now()
        rehearsal = Rehearsal(self._selector.roster, site, nodes, assumptions, now)
        questions = await self._questions(request, nodes)
        numbers = (client.clients for client in request.clients)
        chosen = rehearsal.place(zip(questions, numbers, strict=True))
        return SelectionRehearsed(
            placements=_placements(rehearsal, questions, chosen),
            sessions=rehearsal.sessions,
            revision=self._selector.directory.revision,
        )

    async def _questions(
        self, request: RehearseSelection, nodes: Mapping[NodeId, NodeDocument]
    ) -> list[Question]:
        numbered = enumerate(request.clients, start=request.first)
        work = (self._question(request, number, client, nodes) for number, client in numbered)
        return await asyncio.gather(*work)

    async def _question(
        self,
        request: RehearseSelection,
        number: int,
        client: RehearsedClient,
        nodes: Mapping[NodeId, NodeDocument],
    ) -> Question:
        """Build one client's question; its number is its chance, so a repeat draws alike."""
        (end,) = await self._collector.collect((client.facts,), request.rule, nodes)
        return Question(
            end=end if client.location is None else replace(end, location=client.location),
            count=1,
            chance=hash_text(f"rehearsal {number}"),
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
