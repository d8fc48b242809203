"""Has the site place a population, part by part, under assumptions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from clients.rehearsal.population import Person
from clients.rehearsal.report import PersonPlacement
from shared.api.call import Call
from shared.api.documents import MOST_DOCUMENTS, DocumentsQuery, list_documents
from shared.api.model import Page
from shared.api.selection import RehearsalRequest, rehearse
from shared.documents import Kind
from shared.documents.selection import SelectionOverride
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

R = TypeVar("R")
T = TypeVar("T")

PART: Final = 400
"""Clients in one request, well below what the site takes at once."""


class SiteApi(Protocol):
    """The part of the site's client that a trial uses."""

    def ask(self, call: Call[R]) -> R: ...
    def pages(self, call: Call[Page[T]]) -> Iterator[T]: ...


@dataclass(frozen=True)
class Assumptions:
    """The assumed differences from today, and for whom: one public site, one team, or all."""

    methods: tuple[str, ...] = ()
    policy: str | None = None
    failed: tuple[str, ...] = ()
    public_site: str | None = None
    team: str | None = None

    @property
    def title(self) -> str:
        parts = [f"by {', '.join(self.methods)}"] if self.methods else ["by today's settings"]
        parts += [f"for the {self.policy}"] if self.policy else []
        parts += [f"without {', '.join(self.failed)}"] if self.failed else []
        return " ".join(parts)

    def request(
        self, people: Sequence[Person], sessions: dict[NodeId, int], first: int
    ) -> RehearsalRequest:
        """The part of the rehearsal that places *people* on top of *sessions*."""
        settings = {"methods": self.methods or None, "policy": self.policy}
        instead = {name: value for name, value in settings.items() if value is not None}
        return RehearsalRequest(
            clients=tuple(each.as_client() for each in people),
            instead=SelectionOverride.model_validate(instead) if instead else None,
            failed=tuple(map(NodeId, self.failed)),
            public_site=self.public_site,
            team=self.team,
            sessions=sessions,
            first=first,
        )


def place_people(
    site: SiteApi, people: Sequence[Person], assumptions: Assumptions
) -> list[PersonPlacement]:
    """Return where each of *people* would be placed.

    Raises:
        MeridianError: the site refuses, or nobody answers.
    """
    placements, sessions = list[PersonPlacement](), dict[NodeId, int]()
    for first in range(0, len(people), PART):
        part = people[first : first + PART]
        answer = site.ask(rehearse(assumptions.request(part, sessions, first)))
        sessions = answer.sessions
        placements += [PersonPlacement(each.node, each.kilometres) for each in answer.placements]
    return placements


def read_locations(site: SiteApi) -> dict[str, tuple[float, float]]:
    """Read latitude and longitude of the traffic nodes that have a location."""
    locations = dict[str, tuple[float, float]]()
    for each in site.pages(list_documents(Kind.NODE, DocumentsQuery(limit=MOST_DOCUMENTS))):
        place = each.body.get("location")
        if place and each.body["role"] == NodeRole.TRAFFIC:
            locations[each.id] = (place["latitude"], place["longitude"])
    return locations
