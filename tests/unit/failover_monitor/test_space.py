"""Little room is told of once, and enough of it once."""

import pytest

from services.failover_monitor.core.space import Room, RoomWatch


def room(percent: int, server: str = "alpha") -> Room:
    return Room(server, percent, 100)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((10, 69), []),
        ((70,), [70]),
        ((69, 71, 90, 99), [71]),
        ((70, 66, 70), [70]),
        ((70, 64, 66, 70), [70, 64, 70]),
    ],
)
def test_what_is_new_is_told_once(shares: tuple[int, ...], told: list[int]) -> None:
    watch = RoomWatch()
    assert [each.used_bytes for share in shares for each in watch.found([room(share)])] == told


def test_each_server_has_its_own_room() -> None:
    watch = RoomWatch()
    assert watch.found([room(80), room(10, "bravo")]) == (room(80),)
    assert watch.found([room(80), room(75, "bravo")]) == (room(75, "bravo"),)
    assert watch.low == {"alpha", "bravo"}


def test_a_server_that_does_not_answer_is_no_news() -> None:
    watch = RoomWatch()
    watch.found([room(80)])
    assert watch.found([]) == ()
    assert watch.low == {"alpha"}


def test_a_server_without_a_limit_has_room() -> None:
    assert RoomWatch().found([Room("alpha", 1 << 40, -1)]) == ()
