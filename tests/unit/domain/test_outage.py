from shared.domain.outage import MOST_CAUSES, Outage


def test_each_cause_of_an_outage_is_worth_one_line_however_they_alternate() -> None:
    outage = Outage()
    worth = [outage.is_worth_a_line(cause) for cause in ("refused", "timeout") * 50]
    assert worth == [True, True] + [False] * 98


def test_the_end_of_an_outage_is_worth_one_line_and_the_next_begins_anew() -> None:
    outage = Outage()
    assert not outage.end()
    assert outage.is_worth_a_line("refused")
    assert outage.end()
    assert not outage.end()
    assert outage.is_worth_a_line("refused")


def test_a_server_that_words_each_refusal_anew_fills_no_log() -> None:
    outage = Outage()
    worth = [outage.is_worth_a_line(f"refused, attempt {number}") for number in range(999)]
    assert sum(worth) == MOST_CAUSES
