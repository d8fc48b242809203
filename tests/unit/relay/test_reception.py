import pytest

from services.relay.core.admission import Admission, GuestId, Refusal, Remembered
from services.relay.core.probing import PINGS_PER_GUEST, PROBE_SECONDS, PROBING_GUESTS
from services.relay.core.reception import (
    SILENT_GUESTS,
    WAITING_SECONDS,
    Answer,
    Effects,
    Join,
    LetWait,
    Part,
    PathKey,
    Reception,
    Refuse,
)
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits
from shared.wire.relay import HELLO_SECONDS, RefusalCode

CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE
ONE = PathKey(SessionId("1111111"), PathGeneration(1))
TWO = PathKey(SessionId("2222222"), PathGeneration(1))
NONE = TicketLimits()


class Scene:
    """A reception with a clock, and guests that are numbered as they come."""

    def __init__(self, capacity: int = 10) -> None:
        self.now = Instant(0)
        self.admission = Admission(capacity, Remembered())
        self.reception = Reception(self.admission)
        self._guests = 0

    def arrive(self) -> GuestId:
        self._guests += 1
        assert self.reception.arrived(GuestId(self._guests), self.now) == ()
        return GuestId(self._guests)

    def hello(
        self, key: PathKey, side: Side, limits: TicketLimits = NONE
    ) -> tuple[GuestId, Effects]:
        guest = self.arrive()
        return guest, self.say(guest, key, side, limits)

    def say(self, guest: GuestId, key: PathKey, side: Side, limits: TicketLimits = NONE) -> Effects:
        expires = UnixMillis(10**12)
        ticket = Ticket(key.session, side, NodeId("berlin"), key.generation, expires, limits)
        return self.reception.said_hello(guest, ticket, self.now)

    def ping(self, guest: GuestId, *nonces: int) -> Effects:
        return self.reception.pinged(guest, nonces, self.now)

    def pair(self, key: PathKey) -> None:
        self.hello(key, CUSTOMER)
        _, effects = self.hello(key, REPRESENTATIVE)
        assert isinstance(effects[-1], Join)

    def later(self, seconds: float) -> Effects:
        self.now = Instant(self.now + seconds)
        return self.reception.tick(self.now)


def codes(effects: Effects) -> list[tuple[GuestId, RefusalCode]]:
    return [(e.guest, e.refusal.code) for e in effects if isinstance(e, Refuse)]


def test_the_first_side_waits_and_the_second_makes_the_pair() -> None:
    scene = Scene()
    first, effects = scene.hello(ONE, CUSTOMER)
    assert effects == (LetWait(first),)
    second, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (Join(ONE, first, second, NONE),)
    assert (scene.reception.reading.pairs, scene.reception.reading.waiting) == (1, 0)
    assert scene.reception.deadline() is None


def test_a_pair_has_the_stricter_limits_of_both_tickets() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER, TicketLimits(5, 0))
    _, (join,) = scene.hello(ONE, REPRESENTATIVE, TicketLimits(9, 60))
    assert isinstance(join, Join)
    assert join.limits == TicketLimits(5, 60)


@pytest.mark.parametrize(
    "other",
    [PathKey(ONE.session, PathGeneration(2)), TWO],
)
def test_another_session_or_generation_is_another_path(other: PathKey) -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    guest, effects = scene.hello(other, REPRESENTATIVE)
    assert effects == (LetWait(guest),)
    assert scene.reception.reading.waiting == 2


def test_a_second_hello_of_the_same_side_takes_the_place_of_the_one_that_waits() -> None:
    scene = Scene()
    first, _ = scene.hello(ONE, CUSTOMER)
    second, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(first, RefusalCode.REPLACED)]
    assert effects[-1] == LetWait(second)
    third, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (Join(ONE, second, third, NONE),)


@pytest.mark.parametrize("side", list(Side))
def test_a_second_hello_of_a_pair_s_side_closes_the_pair_and_waits(side: Side) -> None:
    scene = Scene()
    scene.pair(ONE)
    newcomer, effects = scene.hello(ONE, side)
    assert effects == (Part(ONE), LetWait(newcomer))
    assert scene.reception.reading.pairs == 0
    back, effects = scene.hello(ONE, side.other)
    assert effects == (Join(ONE, newcomer, back, NONE),)


def test_a_guest_that_left_is_not_waited_for() -> None:
    scene = Scene()
    first, _ = scene.hello(ONE, CUSTOMER)
    scene.reception.left(first)
    second, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (LetWait(second),)


def test_a_guest_that_leaves_without_a_word_is_forgotten() -> None:
    scene = Scene()
    scene.reception.left(scene.arrive())
    assert scene.reception.deadline() is None
    assert scene.later(100) == ()


def test_a_pair_that_parted_makes_room_and_can_come_again() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    scene.reception.parted(ONE)
    assert scene.reception.reading.sessions == 0
    scene.pair(ONE)
    assert scene.reception.reading.sessions == 1


def test_no_hello_in_time_is_refused() -> None:
    scene = Scene()
    guest = scene.arrive()
    assert scene.reception.deadline() == HELLO_SECONDS
    assert scene.later(HELLO_SECONDS - 0.1) == ()
    assert codes(scene.later(0.1)) == [(guest, RefusalCode.TIMEOUT)]
    assert scene.say(guest, ONE, CUSTOMER) == ()
    assert scene.later(0) == ()


def test_waiting_ends_after_its_time_and_says_when_to_come_again() -> None:
    scene = Scene()
    guest, _ = scene.hello(ONE, CUSTOMER)
    assert scene.reception.deadline() == WAITING_SECONDS
    (refuse,) = scene.later(WAITING_SECONDS)
    refusal = Refusal(RefusalCode.TIMEOUT, "the other side did not come", 1)
    assert refuse == Refuse(guest, refusal)
    assert scene.reception.reading.waiting == 0


def test_the_deadline_is_the_first_of_all_guests() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    scene.later(1)
    scene.arrive()
    assert scene.reception.deadline() == 1 + HELLO_SECONDS
    scene.later(HELLO_SECONDS)
    assert scene.reception.deadline() == WAITING_SECONDS


def test_one_who_replaced_another_waits_its_own_full_time() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    scene.later(30)
    scene.hello(ONE, CUSTOMER)
    assert scene.reception.deadline() == 30 + WAITING_SECONDS


def test_a_full_relay_refuses_a_new_session_but_not_the_return_of_its_own() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    stranger, effects = scene.hello(TWO, CUSTOMER)
    assert codes(effects) == [(stranger, RefusalCode.FULL)]
    guest, effects = scene.hello(ONE, CUSTOMER)
    assert effects == (Part(ONE), LetWait(guest))


def test_a_pair_that_would_be_one_too_many_is_refused_when_its_second_side_comes() -> None:
    scene = Scene(capacity=1)
    scene.hello(ONE, CUSTOMER)
    scene.hello(TWO, CUSTOMER)
    scene.hello(TWO, REPRESENTATIVE)
    late, effects = scene.hello(ONE, REPRESENTATIVE)
    assert codes(effects) == [(late, RefusalCode.FULL)]
    assert scene.reception.reading.pairs == 1


def test_only_so_many_connections_may_wait() -> None:
    scene = Scene(capacity=1)
    for generation in (1, 2):
        scene.hello(PathKey(ONE.session, PathGeneration(generation)), CUSTOMER)
    guest, effects = scene.hello(TWO, CUSTOMER)
    assert codes(effects) == [(guest, RefusalCode.FULL)]
    assert scene.reception.reading.waiting == 2


def test_only_so_many_connections_may_be_silent() -> None:
    scene = Scene()
    for _ in range(SILENT_GUESTS):
        scene.arrive()
    surplus = GuestId(SILENT_GUESTS + 1)
    assert codes(scene.reception.arrived(surplus, scene.now)) == [(surplus, RefusalCode.FULL)]


def test_draining_sends_on_who_waits_and_leaves_pairs_alone() -> None:
    scene = Scene()
    scene.pair(ONE)
    guest, _ = scene.hello(TWO, CUSTOMER)
    scene.admission.order_drain(Epoch(1), draining=True)
    assert codes(scene.reception.drain()) == [(guest, RefusalCode.DRAINING)]
    assert (scene.reception.reading.pairs, scene.reception.reading.waiting) == (1, 0)
    newcomer, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(newcomer, RefusalCode.DRAINING)]
    assert scene.reception.reading.pairs == 1


def test_closing_a_session_ends_its_pairs_and_its_guests_and_nobody_else_s() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.pair(TWO)
    guest, _ = scene.hello(PathKey(ONE.session, PathGeneration(2)), CUSTOMER)
    scene.admission.close(ONE.session, UnixMillis(10**12))
    effects = scene.reception.close(ONE.session)
    assert codes(effects) == [(guest, RefusalCode.CLOSED)]
    assert effects[-1] == Part(ONE)
    assert scene.reception.reading.sessions == 1
    late, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(late, RefusalCode.CLOSED)]


@pytest.mark.parametrize("waits", [True, False])
def test_a_guest_that_breaks_the_protocol_is_refused_once(waits: bool) -> None:
    scene = Scene()
    guest = scene.hello(ONE, CUSTOMER)[0] if waits else scene.arrive()
    refusal = Refusal(RefusalCode.BAD_HELLO, "garbage")
    assert scene.reception.broke_protocol(guest, refusal) == (Refuse(guest, refusal),)
    assert scene.reception.broke_protocol(guest, refusal) == ()
    assert scene.reception.reading.waiting == 0


def test_sessions_are_counted_once_however_many_paths_they_have() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.pair(PathKey(ONE.session, PathGeneration(2)))
    assert (scene.reception.reading.sessions, scene.reception.reading.pairs) == (1, 2)


def test_equal_pairs_have_equal_digests_in_whatever_order_they_came() -> None:
    one, other = Scene(), Scene()
    assert one.reception.reading.digest == other.reception.reading.digest
    one.pair(ONE)
    assert one.reception.reading.digest != other.reception.reading.digest
    one.pair(TWO)
    other.pair(TWO)
    other.pair(ONE)
    assert one.reception.reading.digest == other.reception.reading.digest


def test_a_reception_describes_itself_in_one_line() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.hello(TWO, CUSTOMER)
    scene.arrive()
    assert scene.reception.describe() == ("1 pairs, 1 waiting, 1 without a HELLO, 0 measuring")


def test_a_guest_that_measures_is_answered_ping_by_ping_and_takes_no_place() -> None:
    scene = Scene()
    guest = scene.arrive()
    assert scene.ping(guest, 5) == (Answer(guest, (5,)),)
    assert scene.ping(guest, 6, 7) == (Answer(guest, (6, 7)),)
    assert (scene.reception.reading.waiting, scene.reception.reading.pairs) == (0, 0)


def test_a_draining_and_a_full_node_are_measured_too() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    scene.admission.order_drain(Epoch(1), draining=True)
    guest = scene.arrive()
    assert scene.ping(guest, 5) == (Answer(guest, (5,)),)


def test_a_guest_has_a_few_pings_and_no_more() -> None:
    scene = Scene()
    guest = scene.arrive()
    scene.ping(guest, *range(PINGS_PER_GUEST))
    assert codes(scene.ping(guest, 99)) == [(guest, RefusalCode.TOO_MANY_PINGS)]
    assert scene.ping(guest, 100) == ()
    assert scene.reception.deadline() is None


def test_a_guest_may_not_measure_for_ever() -> None:
    scene = Scene()
    guest = scene.arrive()
    scene.later(1)
    scene.ping(guest, 1)
    scene.later(1)
    scene.ping(guest, 2)
    assert scene.reception.deadline() == 1 + PROBE_SECONDS
    assert scene.later(PROBE_SECONDS - 1.1) == ()
    assert codes(scene.later(0.1)) == [(guest, RefusalCode.TIMEOUT)]
    assert scene.later(60) == ()


def test_a_guest_that_measured_gets_no_path() -> None:
    scene = Scene()
    guest = scene.arrive()
    scene.ping(guest, 1)
    assert codes(scene.say(guest, ONE, CUSTOMER)) == [(guest, RefusalCode.BAD_HELLO)]
    assert scene.reception.reading.waiting == 0


def test_a_guest_that_waits_or_left_is_not_answered() -> None:
    scene = Scene()
    waiting, _ = scene.hello(ONE, CUSTOMER)
    assert scene.ping(waiting, 1) == ()
    gone = scene.arrive()
    scene.ping(gone, 1)
    scene.reception.left(gone)
    assert scene.ping(gone, 2) == ()


def test_only_so_many_guests_may_measure_and_others_still_meet() -> None:
    scene = Scene()
    for _ in range(PROBING_GUESTS):
        scene.ping(scene.arrive())
    surplus = scene.arrive()
    assert codes(scene.ping(surplus, 1)) == [(surplus, RefusalCode.TOO_MANY_PINGS)]
    scene.pair(ONE)


def test_a_guest_that_measures_breaks_the_protocol_once() -> None:
    scene = Scene()
    guest = scene.arrive()
    scene.ping(guest, 1)
    refusal = Refusal(RefusalCode.BAD_HELLO, "garbage")
    assert scene.reception.broke_protocol(guest, refusal) == (Refuse(guest, refusal),)
    assert scene.reception.broke_protocol(guest, refusal) == ()
