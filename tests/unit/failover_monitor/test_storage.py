"""Little storage is reported once, and enough of it once."""

import pytest

from services.failover_monitor.core.storage import ServerStorage, StorageWatch


def storage(percent: int, server: str = "alpha") -> ServerStorage:
    return ServerStorage(server, percent, 100)


@pytest.mark.parametrize(
    ("shares", "reported"),
    [
        ((10, 69), []),
        ((70,), [70]),
        ((69, 71, 90, 99), [71]),
        ((70, 66, 70), [70]),
        ((70, 64, 66, 70), [70, 64, 70]),
    ],
)
def test_each_change_is_reported_once(shares: tuple[int, ...], reported: list[int]) -> None:
    watch = StorageWatch()
    changes = [watch.find_changes([storage(share)]) for share in shares]
    assert [each.used_bytes for change in changes for each in change] == reported


def test_each_server_has_its_own_storage() -> None:
    watch = StorageWatch()
    assert watch.find_changes([storage(80), storage(10, "bravo")]) == (storage(80),)
    assert watch.find_changes([storage(80), storage(75, "bravo")]) == (storage(75, "bravo"),)
    assert watch.is_low("alpha")
    assert watch.is_low("bravo")


def test_a_server_that_does_not_answer_is_not_reported() -> None:
    watch = StorageWatch()
    watch.find_changes([storage(80)])
    assert watch.find_changes([]) == ()
    assert watch.is_low("alpha")


def test_a_server_without_a_limit_has_storage() -> None:
    assert StorageWatch().find_changes([ServerStorage("alpha", 1 << 40, -1)]) == ()
