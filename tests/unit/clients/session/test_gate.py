"""The gate before a customer's streams, and the destination that a customer types."""

import pytest

from clients.cli.arrive import build_arrival
from clients.session.gate import Gate
from clients.tunnel.effects import (
    StreamData,
    StreamEffect,
    StreamFinished,
    StreamId,
    StreamOpened,
    StreamRefused,
    StreamReset,
)
from shared.api.queues import ArrivalRequest
from shared.api.sessions import EndpointFacts

OPENED, FINISHED = StreamOpened(StreamId(1)), StreamFinished(StreamId(1))


class RecordingHandler:
    """Handles the streams behind a gate, and records them."""

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
    handler = RecordingHandler()
    gate = Gate(handler, handler.on_refused)
    gate.on_stream(OPENED)
    assert handler.effects == []

    gate.decide(True)
    gate.on_stream(FINISHED)

    assert handler.effects == [OPENED, FINISHED]
    assert not gate.was_refused


def test_a_stream_that_ended_before_the_code_was_compared_is_forgotten() -> None:
    handler = RecordingHandler()
    gate = Gate(handler, handler.on_refused)
    for number in range(1, 10_001):
        gate.on_stream(StreamOpened(StreamId(number)))
        gate.on_stream(StreamReset(StreamId(number), "again"))
    gate.decide(True)
    assert handler.effects == []


def test_what_is_held_of_a_stream_comes_as_it_was_sent() -> None:
    handler = RecordingHandler()
    gate = Gate(handler, handler.on_refused)
    gate.on_stream(OPENED)
    for _ in range(1_000):
        gate.on_stream(StreamData(StreamId(1), memoryview(b"x")))
    gate.on_stream(FINISHED)
    gate.decide(True)
    assert handler.effects == [OPENED, StreamData(StreamId(1), memoryview(b"x" * 1_000)), FINISHED]


def test_streams_beyond_the_limit_are_reported_before_the_code_is_compared() -> None:
    handler = RecordingHandler()
    Gate(handler, handler.on_refused).on_stream(StreamRefused(StreamId(257)))
    assert handler.effects == [StreamRefused(StreamId(257))]


def test_another_code_lets_nothing_pass_and_calls_the_refusal() -> None:
    handler = RecordingHandler()
    gate = Gate(handler, handler.on_refused)
    gate.on_stream(OPENED)

    gate.decide(False)
    gate.on_stream(FINISHED)

    assert (handler.effects, handler.refused, gate.was_refused) == ([], 1, True)


def test_the_end_of_a_session_forgets_what_was_held() -> None:
    handler = RecordingHandler()
    gate = Gate(handler, handler.on_refused)
    gate.on_stream(OPENED)
    gate.close()
    gate.decide(True)
    assert handler.is_closed
    assert handler.effects == []


@pytest.mark.parametrize(
    ("at", "name", "public_site", "team"),
    [
        ("help", "", "help", None),
        ("help/desk", "", "help", "desk"),
        ("Carl@help.example.com", "Carl", "help.example.com", None),
        ("carl@home.example@help/desk", "carl@home.example", "help", "desk"),
    ],
)
def test_a_destination_names_the_site_the_team_and_the_customer(
    at: str, name: str, public_site: str, team: str | None
) -> None:
    facts = EndpointFacts()
    request = ArrivalRequest(public_site=public_site, team=team, customer=name, facts=facts)
    assert build_arrival(at, facts) == request
