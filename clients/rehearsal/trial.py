"""Has the site place a population, part by part, under assumptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from clients.rehearsal.population import Person
from clients.rehearsal.report import Placement

PART: Final = 400
"""Clients in one request, well below what the site takes at once."""


class SiteApi(Protocol):
    """The site's API."""

    def call(self, method: str, path: str, body: Any = None) -> Any: ...
    def get(self, path: str) -> Any: ...


@dataclass(frozen=True)
class Assumptions:
    """What is assumed to differ from today, and for whom: one public site, one team, or all."""

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

    def as_body(self) -> dict[str, Any]:
        settings = {"methods": self.methods or None, "policy": self.policy}
        instead = {name: value for name, value in settings.items() if value is not None}
        return {
            "instead": instead or None,
            "failed": self.failed,
            "public_site": self.public_site,
            "team": self.team,
        }


def place_people(
    site: SiteApi, people: Sequence[Person], assumptions: Assumptions
) -> list[Placement]:
    """Where each of *people* would be placed.

    Raises:
        MeridianError: the site refuses, or nobody answers.
    """
    placements, sessions = list[Placement](), dict[str, int]()
    for first in range(0, len(people), PART):
        part = people[first : first + PART]
        body = {
            **assumptions.as_body(),
            "clients": [each.as_body() for each in part],
            "sessions": sessions,
            "first": first,
        }
        answer = site.call("POST", "/selection/rehearse", body)
        sessions = answer["sessions"]
        placements += [Placement(each["node"], each["kilometres"]) for each in answer["placements"]]
    return placements


def read_locations(site: SiteApi) -> dict[str, tuple[float, float]]:
    """Latitude and longitude of the traffic nodes that have a location."""
    locations = dict[str, tuple[float, float]]()
    path: str | None = "/nodes?limit=1000"
    while path is not None:
        page = site.get(path)
        for each in page["documents"]:
            place = each["body"].get("location")
            if place and each["body"]["role"] == "traffic":
                locations[each["id"]] = (place["latitude"], place["longitude"])
        path = page["next"] and str(page["next"]).removeprefix("/api/v1")
    return locations
