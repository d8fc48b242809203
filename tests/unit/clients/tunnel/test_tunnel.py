from random import Random

import pytest

from clients.tunnel.effects import (
    EndCode,
    Ended,
    LinkId,
    PathLost,
    PathUp,
    SecretUnknown,
    Secured,
    StreamFinished,
    StreamOpened,
    WordsDiffer,
)
from clients.tunnel.exchange import Credentials, WordsInitiator
from clients.tunnel.frames import HEAD, FrameKind, encode
from clients.tunnel.links import LinkTiming
from clients.tunnel.outbox import PREFIX
from clients.tunnel.streams import StreamFrame
from clients.tunnel.tunnel import Tunnel
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side
from tests.unit.clients.tunnel.pair import CUSTOMER, REPRESENTATIVE, SESSION, End, Pair

TEXT = b"some bytes " * 1000


@pytest.fixture
def pair() -> Pair:
    """Both ends, with a path."""
    ends = Pair()
    ends.ready(1)
    return ends


def kinds(data: bytes) -> list[FrameKind]:
    found: list[FrameKind] = []
    while data:
        kind, length = HEAD.unpack_from(data)
        found.append(FrameKind(kind))
        data = data[HEAD.size + length :]
    return found


def kinds_sent(pair: Pair, side: Side) -> list[FrameKind]:
    return [kind for sender, data in pair.carried if sender is side for kind in kinds(data)]


def test_the_first_path_secures_the_session_and_carries_it(pair: Pair) -> None:
    for end in pair.ends:
        assert end.facts == [Secured(), PathUp(PathGeneration(1), 1, 0.0)]
    pair.open(TEXT)
    pair.settle()
    assert pair.customer.received == TEXT
    assert StreamOpened in {type(each) for each in pair.customer.stream_effects}


def test_nothing_of_the_text_is_seen_on_the_way(pair: Pair) -> None:
    pair.open(TEXT)
    pair.settle()
    assert all(b"some bytes" not in data for _, data in pair.carried)


def test_the_customer_never_speaks_first() -> None:
    pair = Pair()
    pair.alter[REPRESENTATIVE] = lambda _: None
    pair.ready(1)
    pair.wait(60)
    assert kinds_sent(pair, CUSTOMER) == []


def test_a_lost_path_is_resumed_without_a_new_exchange(pair: Pair) -> None:
    pair.lose(1)
    pair.open(TEXT)
    pair.carried.clear()
    pair.wait(2)
    pair.ready(2)
    pair.wait(0.3)
    assert kinds_sent(pair, REPRESENTATIVE)[0] is FrameKind.RESUME
    assert FrameKind.EXCHANGE not in kinds_sent(pair, REPRESENTATIVE)
    assert pair.customer.received == TEXT
    up = pair.representative.ups[-1]
    assert (up.generation, up.attempt) == (2, 2)
    assert up.seconds == pytest.approx(2.3, abs=0.01)


def test_what_was_under_way_on_a_lost_path_comes_once(pair: Pair) -> None:
    stream = pair.open(TEXT)
    pair.lose(1)
    pair.ready(1)
    pair.representative.tunnel.streams.send(stream, b"the end")
    pair.flush(pair.representative)
    pair.settle()
    assert pair.customer.received == TEXT + b"the end"


def test_what_arrived_but_was_not_acknowledged_comes_once(pair: Pair) -> None:
    pair.open(TEXT)
    pair.deliver(pair.representative, pair.customer)
    assert pair.customer.received == TEXT
    pair.lose(1)
    pair.ready(3)
    pair.wait(1)
    assert pair.customer.received == TEXT


def test_the_representative_chooses_and_the_rest_is_closed() -> None:
    pair = Pair()
    for generation in (3, 2, 1):
        pair.ready(generation, settle=False)
    pair.settle()
    for end in pair.ends:
        assert [up.generation for up in end.ups] == [1]
        assert sorted(end.closed) == [1, 2]


def test_the_first_choice_is_awaited_a_moment_only() -> None:
    pair = Pair()
    pair.ready(2)
    pair.wait(0.29)
    assert pair.representative.ups == []
    pair.wait(0.02)
    assert [up.generation for up in pair.representative.ups] == [2]


def test_nobody_is_awaited_who_cannot_be_reached() -> None:
    pair = Pair()
    end = pair.representative
    end.take(end.tunnel.path_unreachable(PathGeneration(1), pair.now))
    pair.ready(2)
    assert [up.generation for up in end.ups] == [2]


def test_a_better_path_is_taken_without_losing_the_present_one(pair: Pair) -> None:
    pair.open(TEXT)
    pair.prefer(4, 1, 2, 3)
    pair.ready(4, settle=False)
    pair.settle()
    for end in pair.ends:
        assert [up.generation for up in end.ups] == [1, 4]
        assert end.facts_of(PathLost) == []
        assert end.closed == [1]
    assert pair.customer.received == TEXT


def test_a_worse_path_is_closed_while_there_is_a_better(pair: Pair) -> None:
    link = pair.ready(2)
    assert pair.representative.closed == [link]
    assert len(pair.representative.ups) == 1


def test_silence_is_a_lost_path(pair: Pair) -> None:
    for side in Side:
        pair.alter[side] = lambda _: None
    pair.wait(2.9)
    assert pair.representative.facts_of(PathLost) == []
    pair.wait(1.2)
    for end in pair.ends:
        assert end.facts_of(PathLost) == [PathLost(PathGeneration(1))]
        assert end.closed == [1]


def test_an_idle_path_is_kept_alive_by_both_ends(pair: Pair) -> None:
    pair.wait(3600)
    for end in pair.ends:
        assert end.facts_of(PathLost) == []


def test_a_link_that_does_not_answer_is_left_for_the_next() -> None:
    pair = Pair()
    pair.alter[CUSTOMER] = lambda _: None
    pair.ready(1)
    pair.alter[CUSTOMER] = lambda data: data
    pair.ready(2)
    assert pair.representative.ups == []
    pair.wait(3.1)
    assert [up.generation for up in pair.representative.ups] == [2]


def test_a_broken_exchange_goes_on_over_the_next_path_as_the_same_run() -> None:
    pair = Pair()
    pair.alter[CUSTOMER] = lambda _: None
    for _ in range(5):
        pair.lose(pair.ready(1))
    pair.alter[CUSTOMER] = lambda data: data
    pair.ready(1)
    for end in pair.ends:
        assert len(end.ups) == 1
        assert end.facts_of(WordsDiffer) == []


def test_a_lost_confirmation_is_made_good_by_the_resume() -> None:
    pair = Pair()
    pair.alter[REPRESENTATIVE] = lambda data: data if kinds(data) == [FrameKind.EXCHANGE] else None
    pair.lose(pair.ready(1))
    assert pair.representative.facts_of(Secured)
    assert not pair.customer.facts_of(Secured)
    pair.alter[REPRESENTATIVE] = lambda data: data
    pair.ready(1)
    assert pair.customer.facts == [Secured(), PathUp(PathGeneration(1), 2, 0.0)]


def test_other_words_end_the_customer_and_let_the_representative_wait() -> None:
    pair = Pair(words=("lusab-rodim", "lusab-gatul"))
    pair.ready(1)
    ended = pair.customer.ended
    assert ended is not None
    assert ended.code is EndCode.WRONG_WORDS
    assert ended.message == "the session key's words do not match (attempt 1 of 3)"
    assert pair.representative.facts == [WordsDiffer(1, 3)]
    assert pair.representative.closed == [1]


def test_the_third_wrong_customer_burns_the_key() -> None:
    pair = Pair(words=("lusab-rodim", "lusab-gatul"))
    for run in (1, 2, 3):
        pair.replace(End(CUSTOMER, "lusab-gatul", run, LinkTiming()))
        pair.ready(1)
    assert pair.customer.facts_of(WordsDiffer) == [WordsDiffer(3, 3)]
    ended = pair.representative.ended
    assert ended is not None
    assert ended.code is EndCode.KEY_BURNT
    pair.ready(1)
    assert pair.representative.closed[-1] == 4


def test_a_relay_that_guesses_burns_the_customers_key_after_three_runs() -> None:
    pair = Pair()
    for guess in range(4):
        link = pair.ready(1, settle=False)
        stranger = WordsInitiator(Credentials(SESSION, "no-idea"), Random(guess).randbytes)
        pair.hand(pair.customer, link, encode(FrameKind.EXCHANGE, stranger.open()))
    assert pair.customer.ended is not None
    assert pair.customer.ended.code is EndCode.KEY_BURNT


@pytest.mark.parametrize("at", [5, 40, -1])
@pytest.mark.parametrize("side", list(Side))
def test_an_altered_record_costs_the_path_and_no_byte(pair: Pair, side: Side, at: int) -> None:
    def flip(data: bytes) -> bytes:
        altered = bytearray(data)
        altered[min(at, len(data) - 1)] ^= 1
        return bytes(altered)

    pair.alter[side] = flip
    pair.open(TEXT)
    pair.settle()
    pair.wait(1.1)
    pair.alter[side] = lambda data: data
    assert pair.representative.facts_of(PathLost) or pair.customer.facts_of(PathLost)
    pair.lose(1)
    pair.ready(1)
    assert pair.customer.received == TEXT


def test_a_repeated_record_costs_the_path_and_no_byte(pair: Pair) -> None:
    pair.alter[REPRESENTATIVE] = lambda data: data + data
    pair.open(TEXT)
    pair.settle()
    pair.alter[REPRESENTATIVE] = lambda data: data
    assert pair.customer.facts_of(PathLost)
    pair.lose(1)
    pair.ready(1)
    assert pair.customer.received == TEXT


def test_an_old_resume_is_neither_answered_nor_followed(pair: Pair) -> None:
    pair.lose(1)
    pair.carried.clear()
    pair.lose(pair.ready(1))
    resume = next(data for _, data in pair.carried if kinds(data) == [FrameKind.RESUME])
    customer = pair.customer
    customer.take(customer.tunnel.link_ready(LinkId(99), PathGeneration(1), pair.now))
    pair.hand(customer, 99, resume)
    assert customer.closed[-1] == 99
    assert customer.outbox == []


def test_a_forged_answer_is_not_followed(pair: Pair) -> None:
    pair.lose(1)
    pair.alter[REPRESENTATIVE] = lambda _: None
    link = pair.ready(1)
    pair.carried.clear()
    pair.hand(pair.representative, link, encode(FrameKind.RESUMED, bytes(64)))
    assert pair.representative.closed[-1] == link
    pair.settle()
    assert pair.carried == []


def test_an_answer_that_comes_over_another_path_is_not_followed(pair: Pair) -> None:
    pair.lose(1)
    answers: list[bytes] = []

    def catch(data: bytes) -> None:
        answers.append(data)

    pair.alter[CUSTOMER] = catch
    pair.ready(1)
    elsewhere = pair.ready(2)
    answer = next(data for data in answers if kinds(data) == [FrameKind.RESUMED])
    pair.hand(pair.representative, elsewhere, answer)
    assert pair.representative.closed[-1] == elsewhere
    assert len(pair.representative.ups) == 1


def test_a_resume_held_back_by_a_relay_only_costs_a_moment(pair: Pair) -> None:
    """The customer freezes its path for the higher attempt; the representative makes another."""
    held: list[bytes] = []

    def hold(data: bytes) -> None:
        held.append(data)

    pair.prefer(4, 1, 2, 3)
    pair.alter[REPRESENTATIVE] = hold
    link = pair.ready(4)
    pair.alter[REPRESENTATIVE] = lambda data: data
    resume = next(data for data in held if kinds(data) == [FrameKind.RESUME])
    pair.open(TEXT)
    pair.settle()
    pair.hand(pair.customer, link, resume)
    pair.customer.outbox.clear()
    pair.open(b"more")
    pair.wait(7)
    pair.ready(1)
    pair.wait(1)
    assert pair.customer.received.endswith(b"more")
    assert pair.customer.received.count(b"some") == 1000
    assert pair.customer.ended is None


def test_a_forged_frame_costs_its_link_only(pair: Pair) -> None:
    for kind in FrameKind:
        for end in pair.ends:
            link = pair.ready(2, settle=False)
            pair.hand(end, link, encode(kind, bytes(72)))
            pair.settle()
            assert end.ended is None
            pair.lose(link)
    pair.open(TEXT)
    pair.settle()
    assert pair.customer.received == TEXT
    assert len(pair.customer.ups) == 1


def test_a_new_process_of_the_customer_cannot_take_over_the_session(pair: Pair) -> None:
    pair.lose(1)
    pair.replace(End(CUSTOMER, "lusab-rodim", 9, LinkTiming()))
    pair.ready(1)
    ended = pair.customer.ended
    assert ended is not None
    assert ended.code is EndCode.SECURED_ELSEWHERE
    assert pair.representative.facts_of(SecretUnknown)
    assert pair.representative.ended is None


def test_a_new_process_of_the_representative_cannot_take_over_the_session(pair: Pair) -> None:
    pair.lose(1)
    pair.replace(End(REPRESENTATIVE, "lusab-rodim", 9, LinkTiming()))
    pair.ready(1)
    ended = pair.representative.ended
    assert ended is not None
    assert ended.code is EndCode.SECURED_ELSEWHERE
    assert pair.customer.ended is None
    assert pair.customer.facts_of(SecretUnknown) == [SecretUnknown()]


def test_ends_of_different_sessions_do_not_meet() -> None:
    pair = Pair()
    credentials = Credentials(SessionId("1"), "lusab-rodim")
    stranger = Tunnel(CUSTOMER, credentials, Random(3).randbytes, Instant(0.0))
    pair.customer.tunnel = stranger
    pair.ready(1)
    assert pair.customer.ended is not None
    assert pair.representative.facts_of(WordsDiffer)


def test_a_close_is_known_at_both_ends_after_every_byte(pair: Pair) -> None:
    stream = pair.open(TEXT)
    pair.representative.tunnel.streams.finish(stream)
    end = pair.representative
    end.take(end.tunnel.close("enough", pair.now))
    pair.settle()
    assert pair.customer.received == TEXT
    assert StreamFinished(stream) in pair.customer.stream_effects
    mine, theirs = pair.representative.ended, pair.customer.ended
    assert mine is not None
    assert theirs is not None
    assert (mine.code, mine.message, mine.by_peer) == (EndCode.CLOSED, "enough", False)
    assert (theirs.code, theirs.message, theirs.by_peer) == (EndCode.CLOSED, "enough", True)
    assert [end.tunnel.deadline() for end in pair.ends] == [None, None]


def test_a_close_waits_for_the_path_a_little(pair: Pair) -> None:
    pair.lose(1)
    pair.open(TEXT)
    end = pair.representative
    end.take(end.tunnel.close("enough", pair.now))
    pair.wait(1)
    assert end.ended is None
    pair.ready(1)
    assert pair.customer.received == TEXT
    assert pair.customer.ended is not None


def test_a_lost_end_is_sent_again_on_the_next_path(pair: Pair) -> None:
    end = pair.representative
    end.take(end.tunnel.close("enough", pair.now))
    pair.lose(1)
    assert pair.customer.facts_of(Ended) == []
    pair.ready(1)
    assert pair.customer.facts_of(Ended) == [Ended(EndCode.CLOSED, "enough", by_peer=True)]


def test_a_close_without_a_path_ends_after_the_linger(pair: Pair) -> None:
    pair.lose(1)
    end = pair.representative
    end.take(end.tunnel.close("enough", pair.now))
    pair.wait(2.1)
    assert end.ended is not None
    assert end.ended.message == "enough"
    assert pair.customer.ended is None


def test_a_close_before_the_ends_have_met_is_at_once() -> None:
    pair = Pair()
    end = pair.customer
    end.take(end.tunnel.close("never mind", pair.now))
    assert end.ended is not None


def test_without_a_path_for_the_whole_window_the_tunnel_ends(pair: Pair) -> None:
    pair.lose(1)
    pair.wait(24 * 3600 - 1)
    assert pair.customer.ended is None
    pair.wait(2)
    for end in pair.ends:
        assert end.ended is not None
        assert end.ended.code is EndCode.EXPIRED


def test_a_claim_that_cannot_be_ends_both_with_a_code(pair: Pair) -> None:
    pair.open(TEXT)
    pair.settle()
    pair.customer.tunnel._conversation.received += 1  # pyright: ignore[reportPrivateUsage]
    pair.wait(1.1)
    for end in pair.ends:
        assert end.ended is not None
        assert end.ended.code is EndCode.BAD_OFFSET


def test_a_proven_peer_that_breaks_a_streams_rule_ends_both_with_a_code(pair: Pair) -> None:
    conversation = pair.representative.tunnel._conversation  # pyright: ignore[reportPrivateUsage]
    conversation.outbox.append(StreamFrame.DATA, 77, b"data of no stream")
    pair.flush(pair.representative)
    pair.settle()
    for end in pair.ends:
        assert end.ended is not None
        assert end.ended.code is EndCode.BAD_STREAM


def test_a_record_that_is_too_short_costs_the_path(pair: Pair) -> None:
    link = pair.representative.tunnel._table.followed  # pyright: ignore[reportPrivateUsage]
    assert link is not None
    pair.representative.take((link.seal(b"short", pair.now),))
    pair.settle()
    assert pair.customer.facts_of(PathLost)
    assert pair.customer.ended is None


def test_a_blocked_link_gets_no_data_but_signs_of_life(pair: Pair) -> None:
    end = pair.representative
    link = LinkId(1)
    end.take(end.tunnel.link_blocked(link, pair.now, blocked=True))
    pair.open(TEXT)
    pair.wait(10)
    assert pair.customer.received == b""
    assert end.facts_of(PathLost) == []
    end.take(end.tunnel.link_blocked(link, pair.now, blocked=False))
    pair.settle()
    assert pair.customer.received == TEXT


def test_acknowledgements_free_the_outbox(pair: Pair) -> None:
    pair.open(TEXT)
    pair.settle()
    pair.wait(0.1)
    line = pair.representative.tunnel.describe()
    assert f"acknowledged {len(TEXT) + 2 * PREFIX.size}" in line


def test_no_key_ever_seals_two_records_with_one_nonce(pair: Pair) -> None:
    for generation in (1, 1, 1, 1):
        pair.lose(pair.links)
        pair.ready(generation)
        pair.open(b"the same words")
        pair.settle()
    records = [data for _, data in pair.carried if kinds(data) == [FrameKind.RECORD]]
    assert len(set(records)) == len(records)


def test_the_tunnel_describes_itself_in_one_line(pair: Pair) -> None:
    line = pair.customer.tunnel.describe()
    assert line.startswith("customer: path 1, 1 links, 0 streams")
    pair.lose(1)
    assert "no path" in pair.customer.tunnel.describe()
