"""Asking for a rehearsal: in parts that go on where the one before ended."""

from dataclasses import dataclass, field
from typing import Any

from clients.rehearsal.population import Person
from clients.rehearsal.report import Placed
from clients.rehearsal.trial import PART, Supposed, locations, placed


@dataclass
class SiteThatCounts:
    """Places everybody in berlin, and remembers what it was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        assert (method, path) == ("POST", "/selection/rehearse")
        self.asked.append(body)
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
        return {"items": documents, "next": following}


def test_a_large_population_goes_in_parts_that_fill_the_same_nodes() -> None:
    site = SiteThatCounts()
    people = [Person("192.0.2.7")] * (2 * PART + 1)
    assert placed(site, people, Supposed()) == [Placed("berlin")] * len(people)
    assert [(len(each["clients"]), each["first"]) for each in site.asked] == [
        (PART, 0),
        (PART, PART),
        (1, 2 * PART),
    ]
    assert [each["sessions"] for each in site.asked] == [{}, {"berlin": PART}, {"berlin": 2 * PART}]


def test_what_is_supposed_goes_along() -> None:
    site = SiteThatCounts()
    placed(site, [Person("192.0.2.7")], Supposed(("geo", "least_load"), failed=("tokyo",)))
    assert site.asked[0]["instead"] == {"methods": ("geo", "least_load")}
    assert site.asked[0]["failed"] == ("tokyo",)


def test_a_title_says_what_is_supposed() -> None:
    assert Supposed().title == "by today's settings"
    assert Supposed(("geo",), "pair", ("tokyo",)).title == "by geo for the pair without tokyo"


def test_only_traffic_nodes_that_say_where_they_stand_are_on_the_map() -> None:
    assert locations(SiteThatCounts()) == {"berlin": (52.5, 13.4)}
