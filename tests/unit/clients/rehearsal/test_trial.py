"""The requests of a rehearsal: in parts, each going on where the one before ended."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from clients.rehearsal.population import Person
from clients.rehearsal.report import PersonPlacement
from clients.rehearsal.trial import PART, Assumptions, place_people, read_locations
from shared.api.call import Call
from shared.api.model import Page
from shared.api.selection import RehearsalRequest, RehearsalResult
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, Revision
from shared.domain.placement import RehearsedPlacement

R = TypeVar("R")
T = TypeVar("T")

BERLIN = NodeId("berlin")


@dataclass
class CountingSite:
    """Places everybody in berlin, and records the requests."""

    requests: list[RehearsalRequest] = field(default_factory=list[RehearsalRequest])

    def ask(self, call: Call[R]) -> R:
        request = call.body
        assert isinstance(request, RehearsalRequest)
        self.requests.append(request)
        count = request.sessions.get(BERLIN, 0) + len(request.clients)
        answer = RehearsalResult(
            placements=(RehearsedPlacement(BERLIN),) * len(request.clients),
            sessions={BERLIN: count},
            revision=Revision(1),
        )
        return call.answer.validate_python(answer)

    def pages(self, call: Call[Page[T]]) -> Iterator[T]:
        assert call.path == "/nodes?limit=1000"
        place = {"latitude": 52.5, "longitude": 13.4}
        bodies: dict[str, dict[str, Any]] = {
            "alpha": {"role": "master", "location": place},
            "berlin": {"role": "traffic", "location": place},
            "tokyo": {"role": "traffic", "location": None},
        }
        items = [
            {"kind": "node", "id": name, "revision": 1, "body": body}
            for name, body in bodies.items()
        ]
        yield from call.answer.validate_python({"items": items}).items


def test_a_large_population_goes_in_parts_that_fill_the_same_nodes() -> None:
    site = CountingSite()
    people = [Person("192.0.2.7")] * (2 * PART + 1)
    assert place_people(site, people, Assumptions()) == [PersonPlacement("berlin")] * len(people)
    assert [(len(each.clients), each.first) for each in site.requests] == [
        (PART, 0),
        (PART, PART),
        (1, 2 * PART),
    ]
    assert [each.sessions for each in site.requests] == [{}, {"berlin": PART}, {"berlin": 2 * PART}]


def test_assumptions_are_sent_with_every_part() -> None:
    site = CountingSite()
    place_people(site, [Person("192.0.2.7")], Assumptions(("geo", "least_load"), failed=("tokyo",)))
    instead = site.requests[0].instead
    assert instead is not None
    assert instead.methods == (SelectionMethod.GEO, SelectionMethod.LEAST_LOAD)
    assert site.requests[0].failed == ("tokyo",)


def test_a_title_names_the_assumptions() -> None:
    assert Assumptions().title == "by today's settings"
    assert Assumptions(("geo",), "pair", ("tokyo",)).title == "by geo for the pair without tokyo"


def test_only_traffic_nodes_with_a_location_are_on_the_map() -> None:
    assert read_locations(CountingSite()) == {"berlin": (52.5, 13.4)}
