from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.fair_queue import FairQueue, Origin


def drained(queue: FairQueue[str]) -> list[str]:
    works = list[str]()
    while (work := queue.pop()) is not None:
        works.append(work)
    return works


def test_the_work_of_one_source_is_done_in_its_order() -> None:
    queue = FairQueue[str]()
    for work in ("a1", "a2", "a3"):
        queue.push(work, Origin("a"))

    assert drained(queue) == ["a1", "a2", "a3"]


def test_sources_take_turns_however_much_one_of_them_queues() -> None:
    queue = FairQueue[str]()
    for number in range(100):
        queue.push(f"flood {number}", Origin("flood"))
    queue.push("b1", Origin("b"))
    queue.push("b2", Origin("b"))
    queue.push("c1", Origin("c"))

    assert drained(queue)[:6] == ["flood 0", "b1", "c1", "flood 1", "b2", "flood 2"]


def test_privileged_work_goes_first() -> None:
    queue = FairQueue[str]()
    queue.push("other", Origin("a"))
    queue.push("privileged", Origin("b", is_privileged=True))

    assert drained(queue) == ["privileged", "other"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_whatever_is_queued_comes_out_once_and_no_source_is_passed_twice(
    pushed: list[tuple[str, bool]],
) -> None:
    queue = FairQueue[tuple[str, int]]()
    for number, (source, is_privileged) in enumerate(pushed):
        queue.push((source, number), Origin(source, is_privileged))

    privileged = {number for number, (_, is_first) in enumerate(pushed) if is_first}
    works = list[tuple[str, int]]()
    while (work := queue.pop()) is not None:
        works.append(work)

    assert sorted(number for _, number in works) == list(range(len(pushed)))
    first = [number in privileged for _, number in works]
    assert first == sorted(first, reverse=True)
    others = [source for source, number in works if number not in privileged]
    totals, done = Counter(others), Counter[str]()
    for source in others:
        done[source] += 1
        assert all(done[each] >= min(done[source] - 1, totals[each]) for each in totals)
