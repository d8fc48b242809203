from hypothesis import given
from hypothesis import strategies as st

from shared.domain.event_budget import KEYS_KEPT, EventBudget, EventBudgets
from shared.domain.ids import Instant


def test_what_happens_now_and_then_is_always_reported() -> None:
    budget = EventBudget(burst=20, seconds_each=10.0)
    assert [budget.take(Instant(at)) for at in range(0, 100_000, 10)] == [0] * 10_000


def test_a_flood_is_cut_and_counted() -> None:
    budget = EventBudget(burst=3, seconds_each=10.0)
    assert [budget.take(Instant(0.1 * step)) for step in range(5)] == [0, 0, 0, None, None]
    assert budget.take(Instant(11.0)) == 2
    assert budget.take(Instant(11.0)) is None


@given(st.lists(st.floats(min_value=0.0, max_value=5.0), max_size=200))
def test_no_more_pass_than_the_burst_and_the_pace_allow(pauses: list[float]) -> None:
    budget, at, passed, left_out = EventBudget(burst=5, seconds_each=2.0), 0.0, 0, 0
    for pause in pauses:
        at += pause
        taken = budget.take(Instant(at))
        passed += taken is not None
        left_out += taken or 0
    assert passed <= 5 + at / 2.0 + 1e-6
    assert passed + left_out <= len(pauses)


def test_each_session_has_its_own_budget_and_not_all_are_kept() -> None:
    budgets = EventBudgets(burst=1, seconds_each=10.0)
    assert budgets.take("one", Instant(0.0)) == 0
    assert budgets.take("two", Instant(0.0)) == 0
    assert budgets.take("one", Instant(0.0)) is None
    for number in range(KEYS_KEPT):
        budgets.take(str(number), Instant(0.0))
    assert budgets.take("one", Instant(0.0)) == 0
