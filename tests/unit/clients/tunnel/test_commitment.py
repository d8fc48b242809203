import re
from random import Random

import pytest

from clients.tunnel.commitment import CommitmentInitiator, CommitmentResponder
from clients.tunnel.effects import EndCode, PathUp, Secured
from clients.tunnel.exchange import RUNS_ALLOWED, Credentials, KeyBurnt, Unreadable
from clients.tunnel.frames import FrameKind, encode
from shared.domain.ids import SessionId
from tests.unit.clients.tunnel.pair import CUSTOMER, SESSION, Pair

WORDLESS = (None, None)
NO_POINT = bytes(32)
"""A public key that makes every shared secret the same."""


def asking(seed: int = 1, session: SessionId = SESSION) -> CommitmentInitiator:
    return CommitmentInitiator(Credentials(session, None), Random(f"asks {seed}").randbytes)


def answering(seed: int = 1, session: SessionId = SESSION) -> CommitmentResponder:
    return CommitmentResponder(Credentials(session, None), Random(f"answers {seed}").randbytes)


def run(one: CommitmentInitiator, other: CommitmentResponder) -> None:
    assert other.check(one.confirm(other.answer(one.open())))


def test_both_ends_get_the_same_secret_and_the_same_code() -> None:
    one, other = asking(), answering()
    run(one, other)

    assert one.secret is not None
    assert len(one.secret) == 32
    assert one.secret == other.secret
    assert one.code == other.code


def test_a_code_is_eight_digits_in_two_groups() -> None:
    one, other = asking(), answering()
    run(one, other)
    assert re.fullmatch(r"\d{4} \d{4}", one.code)


def test_a_code_carries_more_than_twenty_bits_after_all_exchanges_of_an_end() -> None:
    digits = 8
    assert 10**digits / RUNS_ALLOWED >= 2**20


@pytest.mark.parametrize("seed", range(20))
def test_somebody_in_between_is_noticed_by_codes_that_differ(seed: int) -> None:
    one, other = asking(seed), answering(seed)
    to_customer, to_representative = asking(100 + seed), answering(100 + seed)

    to_representative.check(one.confirm(to_representative.answer(one.open())))
    run(to_customer, other)

    assert (one.secret, other.secret) == (to_representative.secret, to_customer.secret)
    assert one.code != other.code


def test_somebody_in_between_who_waits_for_the_customers_code_cannot_choose_the_other() -> None:
    """The representative's nonce is hidden by the commitment until the answer is given."""
    one, other, to_customer = asking(), answering(), asking(2)
    commitment = one.open()
    run(to_customer, other)
    codes: set[str] = set()
    for seed in range(10):
        liar, victim = answering(200 + seed), asking()
        assert victim.open() == commitment
        liar.check(victim.confirm(liar.answer(commitment)))
        codes.add(victim.code)

    assert len(codes) == 10
    assert other.code not in codes


def test_the_asking_end_reveals_its_key_to_the_first_answer_only() -> None:
    one = asking()
    one.open()
    one.confirm(answering(1).answer(one.open()))
    with pytest.raises(Unreadable):
        one.confirm(answering(2).answer(asking().open()))


def test_a_commitment_is_the_same_until_it_is_answered_and_has_one_answer() -> None:
    one, other = asking(), answering()
    opening = one.open()
    assert one.open() == opening
    assert other.answer(opening) == other.answer(opening)
    assert other.runs == 1
    run(one, other)


def test_the_answering_end_takes_part_in_three_exchanges_at_most() -> None:
    other = answering()
    for seed in range(RUNS_ALLOWED):
        other.answer(asking(seed).open())
    with pytest.raises(KeyBurnt):
        other.answer(asking(99).open())


def test_a_stranger_who_never_reveals_does_not_spoil_the_exchange_beside_it() -> None:
    one, other = asking(), answering()
    answer = other.answer(one.open())
    other.answer(asking(2).open())
    assert other.check(one.confirm(answer))
    assert one.secret == other.secret


def test_a_reveal_that_nobody_committed_to_is_unreadable_and_the_others_still_wait() -> None:
    one, other = asking(), answering()
    answer = other.answer(one.open())
    for forged in (b"", bytes(64), b"x" * 63):
        with pytest.raises(Unreadable):
            other.check(forged)
    assert other.awaits_confirmation
    assert other.check(one.confirm(answer))


def test_a_repeated_reveal_is_recognised_and_another_is_not() -> None:
    one, other = asking(), answering()
    assert not other.is_repeat(b"")
    run(one, other)
    assert other.is_repeat(one.repeat)
    assert not other.is_repeat(bytes(64))
    one.mark_proven()
    assert one.repeat == b""


def test_ends_of_two_sessions_do_not_meet() -> None:
    one, other = asking(), answering(session=SessionId("7654321"))
    reveal = one.confirm(other.answer(one.open()))
    with pytest.raises(Unreadable):
        other.check(reveal)


@pytest.mark.parametrize("opening", [b"", b"\x02" + bytes(32), bytes(34)])
def test_what_is_no_commitment_is_unreadable_and_not_counted(opening: bytes) -> None:
    other = answering()
    with pytest.raises(Unreadable):
        other.answer(opening)
    assert other.runs == 0


@pytest.mark.parametrize("answer", [b"", NO_POINT + bytes(32), bytes(65)])
def test_what_is_no_answer_reveals_nothing_and_the_next_commitment_is_new(answer: bytes) -> None:
    one = asking()
    first = one.open()
    with pytest.raises(Unreadable):
        one.confirm(answer)
    assert one.repeat == b""
    assert one.open() != first
    run(one, answering())


def test_two_ends_without_words_get_a_path_and_the_same_code() -> None:
    pair = Pair(WORDLESS)
    pair.ready(1)
    pair.open(b"hello")
    pair.settle()

    facts = [end.facts_of(Secured) for end in pair.ends]
    assert facts[0] == facts[1]
    (secured,) = facts[0]
    assert isinstance(secured, Secured)
    assert len(secured.code) == 9
    assert pair.customer.received == b"hello"


def test_with_words_there_is_no_code_to_compare() -> None:
    pair = Pair()
    pair.ready(1)
    assert pair.customer.facts_of(Secured) == [Secured("")]


def test_an_end_with_words_and_one_without_never_meet() -> None:
    for words in ((None, "lusab-rodim"), ("lusab-rodim", None)):
        pair = Pair(words)
        pair.ready(1)
        assert not any(end.facts_of(PathUp) for end in pair.ends)
        assert not pair.customer.facts_of(Secured)


def test_a_lost_reveal_is_repeated_on_the_next_path() -> None:
    pair = Pair(WORDLESS)
    reveals: list[bytes] = []

    def lose_the_reveal(data: bytes) -> bytes | None:
        reveals.append(data)
        return data if len(reveals) == 1 else None

    pair.alter[pair.representative.side] = lose_the_reveal
    pair.ready(1)
    assert pair.representative.facts_of(Secured)
    assert not pair.customer.facts_of(Secured)
    pair.alter[pair.representative.side] = lambda data: data

    pair.lose(1)
    pair.ready(1)

    assert pair.customer.facts_of(Secured) == pair.representative.facts_of(Secured)
    assert all(end.ups for end in pair.ends)


def test_a_reveal_that_came_before_the_path_broke_is_no_news_on_the_next() -> None:
    pair = Pair(WORDLESS)
    answers: list[bytes] = []

    def lose_the_proof(data: bytes) -> bytes | None:
        answers.append(data)
        return data if len(answers) == 1 else None

    pair.alter[CUSTOMER] = lose_the_proof
    pair.ready(1)
    assert pair.customer.facts_of(Secured)
    pair.alter[CUSTOMER] = lambda data: data

    pair.lose(1)
    pair.ready(1)

    assert len(pair.customer.facts_of(Secured)) == 1
    assert all(end.ups for end in pair.ends)


def test_the_secret_is_proven_on_later_paths_without_another_reveal() -> None:
    pair = Pair(WORDLESS)
    pair.ready(1)
    pair.lose(1)
    pair.carried.clear()
    pair.ready(1)

    (_, first) = pair.carried[0]
    assert first[0] == FrameKind.RESUME
    assert all(len(end.ups) == 2 for end in pair.ends)


def test_a_relay_that_answers_for_the_representative_too_often_ends_the_wait() -> None:
    pair = Pair(WORDLESS)
    pair.alter[pair.representative.side] = lambda _: None
    link = pair.ready(1)
    for seed in range(RUNS_ALLOWED + 1):
        pair.hand(pair.customer, link, encode(FrameKind.EXCHANGE, asking(seed).open()))

    ended = pair.customer.ended
    assert ended is not None
    assert ended.code is EndCode.KEY_BURNT
    assert "arrive again" in ended.message
