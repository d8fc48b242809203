"""Plans which relays an endpoint measures before it is placed, and issues the ticket for it."""

from dataclasses import dataclass
from typing import Final

from services.gateway.placement.core.probes import (
    GUESSES,
    choose_nodes_to_probe,
    rank_nodes,
    uses_latency,
)
from shared.crypto.keyring import KeyRing
from shared.crypto.tickets import issue_probe_ticket
from shared.domain.placement import Choice
from shared.events.selection import ClientFacts, ExplainSelection
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory

EXPLAIN_SECONDS: Final = 2.0


@dataclass(frozen=True)
class ProbePlanner:
    """Plans the measurements of relays by endpoints."""

    publisher: Asks
    directory: Directory
    keyring: KeyRing
    clock: Clock

    def is_wanted(self) -> bool:
        """Say whether any rule of the site goes by latency."""
        selection = self.directory.require_site().selection
        return uses_latency(selection, self.directory.overrides.values())

    def good_for_seconds(self) -> float:
        """Return how long a measurement counts."""
        return self.directory.require_site().selection.latency.maximum_age_seconds

    async def relays(self, facts: ClientFacts) -> tuple[Choice, ...]:
        """Return the relays that an endpoint with *facts* should measure.

        Raises:
            Unavailable: no node selector answered.
        """
        question = ExplainSelection(client=facts, other=facts, methods=GUESSES)
        answer = await self.publisher.ask(question, timeout_seconds=EXPLAIN_SECONDS)
        return choose_nodes_to_probe(rank_nodes(answer.explanation), self.directory.nodes)

    def ticket(self) -> str:
        """Issue a ticket to measure the site's relays for some minutes."""
        return issue_probe_ticket(self.keyring.current, self.clock.unix_ms())
