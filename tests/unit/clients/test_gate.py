import pytest

from clients.commands.arrive import arrival
from clients.gate import Gate
from clients.tunnel.effects import StreamEffect, StreamFinished, StreamId, StreamOpened
from shared.api.queues import ArrivalRequest
from shared.api.sessions import EndpointFacts

OPENED, FINISHED = StreamOpened(StreamId(1)), StreamFinished(StreamId(1))


class Seen:
    """Who uses the streams behind a gate."""

    def __init__(self) -> None:
        self.effects: list[StreamEffect] = []
        self.refused = 0
        self.is_closed = False

    def on_stream(self, effect: StreamEffect) -> None:
        self.effects.append(effect)

    def on_refused(self) -> None:
        self.refused += 1

    def close(self) -> None:
        self.is_closed = True


def test_nothing_passes_before_the_code_is_compared_and_all_in_order_after() -> None:
    seen = Seen()
    gate = Gate(seen, seen.on_refused)
    gate.on_stream(OPENED)
    assert seen.effects == []

    gate.answered(True)
    gate.on_stream(FINISHED)

    assert seen.effects == [OPENED, FINISHED]
    assert not gate.was_refused


def test_another_code_lets_nothing_pass_and_is_told() -> None:
    seen = Seen()
    gate = Gate(seen, seen.on_refused)
    gate.on_stream(OPENED)

    gate.answered(False)
    gate.on_stream(FINISHED)

    assert (seen.effects, seen.refused, gate.was_refused) == ([], 1, True)


def test_the_end_of_a_session_forgets_what_was_held() -> None:
    seen = Seen()
    gate = Gate(seen, seen.on_refused)
    gate.on_stream(OPENED)
    gate.close()
    gate.answered(True)
    assert seen.is_closed
    assert seen.effects == []


@pytest.mark.parametrize(
    ("at", "name", "public_site", "team"),
    [
        ("help", "", "help", None),
        ("help/desk", "", "help", "desk"),
        ("Carl@help.example.com", "Carl", "help.example.com", None),
        ("carl@home.example@help/desk", "carl@home.example", "help", "desk"),
    ],
)
def test_a_wish_names_the_site_the_team_and_the_customer(
    at: str, name: str, public_site: str, team: str | None
) -> None:
    facts = EndpointFacts()
    request = ArrivalRequest(public_site=public_site, team=team, customer=name, facts=facts)
    assert arrival(at, facts) == request
