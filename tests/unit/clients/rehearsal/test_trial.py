"""The requests of a rehearsal: in parts, each going on where the one before ended."""

from dataclasses import dataclass, field
from typing import Any

from clients.rehearsal.population import Person
from clients.rehearsal.report import Placement
from clients.rehearsal.trial import PART, Assumptions, place_people, read_locations


@dataclass
class CountingSite:
    """Places everybody in berlin, and records the requests."""

    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        assert (method, path) == ("POST", "/selection/rehearse")
        self.requests.append(body)
        count = body["sessions"].get("berlin", 0) + len(body["clients"])
        berlin = {"node": "berlin", "kilometres": None}
        return {"placements": [berlin] * len(body["clients"]), "sessions": {"berlin": count}}

    def get(self, path: str) -> Any:
        place = {"latitude": 52.5, "longitude": 13.4}
        pages = {
            "/nodes?limit=1000": (
                [
                    {"id": "alpha", "body": {"role": "master", "location": place}},
                    {"id": "berlin", "body": {"role": "traffic", "location": place}},
                ],
                "/api/v1/nodes?limit=1000&after=berlin",
            ),
            "/nodes?limit=1000&after=berlin": (
                [{"id": "tokyo", "body": {"role": "traffic", "location": None}}],
                None,
            ),
        }
        documents, following = pages[path]
        return {"documents": documents, "next": following}


def test_a_large_population_goes_in_parts_that_fill_the_same_nodes() -> None:
    site = CountingSite()
    people = [Person("192.0.2.7")] * (2 * PART + 1)
    assert place_people(site, people, Assumptions()) == [Placement("berlin")] * len(people)
    assert [(len(each["clients"]), each["first"]) for each in site.requests] == [
        (PART, 0),
        (PART, PART),
        (1, 2 * PART),
    ]
    assert [each["sessions"] for each in site.requests] == [
        {},
        {"berlin": PART},
        {"berlin": 2 * PART},
    ]


def test_assumptions_are_sent_with_every_part() -> None:
    site = CountingSite()
    place_people(site, [Person("192.0.2.7")], Assumptions(("geo", "least_load"), failed=("tokyo",)))
    assert site.requests[0]["instead"] == {"methods": ("geo", "least_load")}
    assert site.requests[0]["failed"] == ("tokyo",)


def test_a_title_names_the_assumptions() -> None:
    assert Assumptions().title == "by today's settings"
    assert Assumptions(("geo",), "pair", ("tokyo",)).title == "by geo for the pair without tokyo"


def test_only_traffic_nodes_with_a_location_are_on_the_map() -> None:
    assert read_locations(CountingSite()) == {"berlin": (52.5, 13.4)}
