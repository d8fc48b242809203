from random import Random

import pytest

from clients.tunnel.exchange import (
    RUNS_ALLOWED,
    Credentials,
    KeyBurnt,
    Unreadable,
    WordsInitiator,
    WordsResponder,
)
from shared.domain.ids import SessionId

SESSION = SessionId("4821739")


def ends(
    initiator_words: str = "lusab-rodim",
    responder_words: str = "lusab-rodim",
    session: str = SESSION,
) -> tuple[WordsInitiator, WordsResponder]:
    entropy = Random(7).randbytes
    return (
        WordsInitiator(Credentials(SESSION, initiator_words), entropy),
        WordsResponder(Credentials(SessionId(session), responder_words), entropy),
    )


def run(asking: WordsInitiator, answering: WordsResponder) -> bool:
    return answering.check(asking.confirm(answering.answer(asking.open())))


def test_the_same_words_give_the_same_secret() -> None:
    asking, answering = ends()
    assert run(asking, answering)
    assert asking.secret is not None
    assert asking.secret == answering.secret
    assert len(asking.secret) == 32


def test_the_words_are_erased_after_success() -> None:
    asking, answering = ends()
    run(asking, answering)
    for end in (asking, answering):
        assert "lusab" not in repr(vars(end))
    assert answering.candidates == []
    with pytest.raises(KeyBurnt):
        asking.open()


def test_other_words_give_neither_end_a_secret() -> None:
    asking, answering = ends("lusab-rodim", "lusab-gatul")
    assert not run(asking, answering)
    assert (asking.secret, answering.secret) == (None, None)
    assert (asking.runs, answering.runs) == (1, 1)


def test_the_same_words_for_another_session_are_other_words() -> None:
    assert not run(*ends(session="4821730"))


def test_the_third_run_without_success_burns_the_key() -> None:
    asking, answering = ends("lusab-rodim", "lusab-gatul")
    for _ in range(RUNS_ALLOWED):
        assert not run(asking, answering)
    with pytest.raises(KeyBurnt):
        asking.open()
    with pytest.raises(KeyBurnt):
        answering.answer(ends()[0].open())
    assert "lusab" not in repr(vars(asking))


def test_the_answering_end_counts_from_the_moment_its_mac_leaves() -> None:
    answering = ends()[1]
    for seed in range(RUNS_ALLOWED):
        stranger = WordsInitiator(Credentials(SESSION, "x"), Random(seed).randbytes)
        answering.answer(stranger.open())
    assert answering.runs == RUNS_ALLOWED
    stranger = WordsInitiator(Credentials(SESSION, "x"), Random(99).randbytes)
    with pytest.raises(KeyBurnt):
        answering.answer(stranger.open())


def test_the_asking_end_counts_a_run_even_when_the_answer_is_wrong() -> None:
    asking, answering = ends()
    answer = answering.answer(asking.open())
    asking.confirm(answer[:-1] + bytes([answer[-1] ^ 1]))
    assert asking.runs == 1
    assert asking.secret is None


def test_an_unanswered_run_is_asked_again_with_the_same_message() -> None:
    asking, answering = ends()
    first = asking.open()
    assert asking.open() == first
    assert answering.answer(first) == answering.answer(first)
    assert answering.runs == 1
    assert run(asking, answering)


def test_a_new_run_replaces_the_one_before() -> None:
    _, answering = ends()
    old, new = (
        WordsInitiator(Credentials(SESSION, "lusab-rodim"), Random(s).randbytes) for s in (1, 2)
    )
    late = old.confirm(answering.answer(old.open()))
    confirmation = new.confirm(answering.answer(new.open()))
    assert not answering.check(late)
    assert not answering.check(confirmation)
    assert answering.runs == 2


def test_a_confirmation_is_checked_once() -> None:
    asking, answering = ends()
    confirmation = asking.confirm(answering.answer(asking.open()))
    assert not answering.check(bytes(32))
    assert not answering.check(confirmation)


def test_a_secret_whose_confirmation_was_lost_stays_a_candidate() -> None:
    asking, answering = ends()
    asking.confirm(answering.answer(asking.open()))
    assert asking.secret in answering.candidates
    assert asking.secret is not None
    answering.accept_secret(asking.secret)
    assert answering.secret == asking.secret


def test_the_number_of_failed_runs_reaches_the_other_end() -> None:
    asking, answering = ends("lusab-rodim", "lusab-gatul")
    run(asking, answering)
    fresh = ends()[1]
    fresh.answer(asking.open())
    assert fresh.failed_there == 1


@pytest.mark.parametrize(
    "opening",
    [b"", b"x" * 34, b"x" * 36, b"\x02\x00" + b"A" * 33, b"\x01\x00" + b"B" + bytes(32)],
)
def test_what_begins_no_run_is_unreadable_and_not_counted(opening: bytes) -> None:
    answering = ends()[1]
    with pytest.raises(Unreadable):
        answering.answer(opening)
    assert answering.runs == 0


@pytest.mark.parametrize("answer", [b"", b"x" * 64, b"B" + bytes(64), b"A" * 65])
def test_what_is_no_answer_is_unreadable_and_the_next_run_is_a_new_one(answer: bytes) -> None:
    asking, answering = ends()
    first = asking.open()
    with pytest.raises(Unreadable):
        asking.confirm(answer)
    assert asking.runs == 0
    assert asking.open() != first
    assert run(asking, answering)


def test_a_reflected_message_gives_nothing() -> None:
    asking, _ = ends()
    point = asking.open()[2:]
    with pytest.raises(Unreadable):
        asking.confirm(b"B" + point[1:] + bytes(32))


def test_an_answer_that_nobody_awaits_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        ends()[0].confirm(bytes(65))
