from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import ConnectionId
from services.relay.core.slots import SlotLimits, Slots
from shared.domain.ids import Instant

FEW = SlotLimits(per_source=3, total=5, seconds=10.0)
NOW = Instant(0)


def fill(slots: Slots, *sources: str) -> list[ConnectionId | None]:
    """Let a connection of each of *sources* take a slot; they are numbered from 1."""
    first = len(slots) + 1
    return [
        slots.take(ConnectionId(first + number), source, NOW)
        for number, source in enumerate(sources)
    ]


def test_while_there_are_slots_nobody_loses_one() -> None:
    slots = Slots(FEW)
    assert fill(slots, "a", "a", "b", "a", "c") == [None] * 5
    assert len(slots) == 5


def test_a_source_that_holds_as_many_as_one_may_displaces_its_own_oldest() -> None:
    slots = Slots(SlotLimits(per_source=2, total=9, seconds=1.0))
    fill(slots, "a", "b", "a")
    assert slots.take(ConnectionId(9), "a", NOW) == ConnectionId(1)
    assert slots.take(ConnectionId(10), "a", NOW) == ConnectionId(3)
    assert ConnectionId(2) in slots


def test_when_all_are_held_the_oldest_of_the_largest_source_goes() -> None:
    slots = Slots(FEW)
    fill(slots, "b", "a", "a", "a", "c")
    assert slots.take(ConnectionId(9), "d", NOW) == ConnectionId(2)
    assert slots.take(ConnectionId(10), "d", NOW) == ConnectionId(3)


def test_a_newcomer_of_the_largest_source_displaces_its_own_and_nobody_else_s() -> None:
    slots = Slots(FEW)
    fill(slots, "b", "b", "a", "a", "c")
    assert slots.take(ConnectionId(9), "a", NOW) == ConnectionId(3)


def test_when_every_source_holds_one_the_oldest_goes() -> None:
    slots = Slots(FEW)
    fill(slots, *"abcde")
    assert slots.take(ConnectionId(9), "f", NOW) == ConnectionId(1)
    assert slots.take(ConnectionId(10), "g", NOW) == ConnectionId(2)


def test_a_released_slot_is_free_and_its_source_is_named_once() -> None:
    slots = Slots(FEW)
    fill(slots, *"aabbc")
    assert slots.release(ConnectionId(1)) == "a"
    assert slots.release(ConnectionId(1)) is None
    assert slots.take(ConnectionId(9), "c", NOW) is None


def test_a_moved_slot_counts_for_its_new_source_and_keeps_its_time() -> None:
    slots = Slots(FEW)
    slots.take(ConnectionId(1), "proxy", Instant(1))
    slots.take(ConnectionId(2), "proxy", Instant(2))
    assert slots.move(ConnectionId(1), "client") is None
    assert slots.deadline() == Instant(11)
    assert slots.expired(Instant(11)) == [ConnectionId(1)]
    assert slots.release(ConnectionId(1)) == "client"


def test_a_slot_moved_to_a_source_that_holds_all_it_may_displaces_that_source_s_oldest() -> None:
    slots = Slots(FEW)
    fill(slots, "proxy", "client", "client", "client")
    assert slots.move(ConnectionId(1), "client") == ConnectionId(2)
    assert ConnectionId(1) in slots


def test_the_times_of_all_connections_are_kept_in_order() -> None:
    slots = Slots(FEW)
    assert slots.deadline() is None
    slots.take(ConnectionId(1), "a", Instant(1))
    slots.take(ConnectionId(2), "b", Instant(3))
    assert slots.deadline() == Instant(11)
    assert slots.expired(Instant(10.9)) == []
    assert slots.expired(Instant(11)) == [ConnectionId(1)]
    assert slots.expired(Instant(13)) == [ConnectionId(1), ConnectionId(2)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "take", "take", "release", "move"]), st.sampled_from("abc")),
    max_size=60,
)


@given(STEPS)
def test_no_source_loses_a_slot_to_one_that_holds_as_many(steps: list[tuple[str, str]]) -> None:
    slots, held, number = Slots(FEW), dict[ConnectionId, str](), 0
    for step, source in steps:
        counts, loser = Counter(held.values()), None
        if step == "take":
            number += 1
            loser = slots.take(ConnectionId(number), source, NOW)
            held[ConnectionId(number)] = source
        elif held and step == "release":
            oldest = next(iter(held))
            assert slots.release(oldest) == held.pop(oldest)
        elif held:
            newest = next(reversed(held))
            counts[held[newest]] -= 1
            loser = slots.move(newest, source)
            held[newest] = source
        if loser is not None:
            lost = held.pop(loser)
            assert lost == source or counts[lost] > counts[source], "a smaller source lost a slot"
            assert counts[lost] == max(counts.values()), "it was not the largest source that lost"
        assert len(slots) == len(held) <= FEW.total
        assert max(Counter(held.values()).values(), default=0) <= FEW.per_source
        largest = slots.longest_held_of_largest()
        most = max(Counter(held.values()).values(), default=0)
        assert (largest is None) == (not held)
        assert largest is None or Counter(held.values())[held[largest]] == most
