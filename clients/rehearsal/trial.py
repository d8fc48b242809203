"""Asking the site to place a population, part by part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from clients.rehearsal.population import Person
from clients.rehearsal.report import Placed

PART: Final = 400
"""Clients in one question: well below what the site takes at once."""


class SiteApi(Protocol):
    """The site's API."""

    def call(self, method: str, path: str, body: Any = None) -> Any: ...
    def get(self, path: str) -> Any: ...


@dataclass(frozen=True)
class Supposed:
    """What is to be different from today, and for whom: one public site, one team, or all."""

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
        wishes = {"methods": self.methods or None, "policy": self.policy}
        instead = {name: wish for name, wish in wishes.items() if wish is not None}
        return {
            "instead": instead or None,
            "failed": self.failed,
            "public_site": self.public_site,
            "team": self.team,
        }


def placed(site: SiteApi, people: Sequence[Person], supposed: Supposed) -> list[Placed]:
    """Where each of *people* would be placed.

    Raises:
        MeridianError: the site refuses, or nobody answers.
    """
    found, sessions = list[Placed](), dict[str, int]()
    for first in range(0, len(people), PART):
        part = people[first : first + PART]
        body = {
            **supposed.as_body(),
            "clients": [each.as_body() for each in part],
            "sessions": sessions,
            "first": first,
        }
        answer = site.call("POST", "/selection/rehearse", body)
        sessions = answer["sessions"]
        found += [Placed(each["node"], each["kilometres"]) for each in answer["placements"]]
    return found


def locations(site: SiteApi) -> dict[str, tuple[float, float]]:
    """Where the traffic nodes stand that say so."""
    found = dict[str, tuple[float, float]]()
    path: str | None = "/nodes?limit=1000"
    while path is not None:
        page = site.get(path)
        for each in page["items"]:
            place = each["body"].get("location")
            if place and each["body"]["role"] == "traffic":
                found[each["id"]] = (place["latitude"], place["longitude"])
        path = page["next"] and str(page["next"]).removeprefix("/api/v1")
    return found
