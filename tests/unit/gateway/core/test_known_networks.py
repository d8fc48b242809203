from services.gateway.core.known_networks import NETWORKS_PER_USER, USERS_KEPT, KnownNetworks


def test_a_network_is_known_for_the_user_who_signed_in_there_alone() -> None:
    known = KnownNetworks()

    known.add("rita", "192.0.2.7")

    assert known.is_known("rita", "192.0.2.7")
    assert not known.is_known("rita", "192.0.2.8")
    assert not known.is_known("anna", "192.0.2.7")


def test_the_network_that_a_user_has_not_used_for_longest_is_forgotten_first() -> None:
    known = KnownNetworks()
    for number in range(NETWORKS_PER_USER):
        known.add("rita", f"network {number}")
    known.add("rita", "network 0")

    known.add("rita", "a new one")

    assert known.is_known("rita", "network 0")
    assert not known.is_known("rita", "network 1")
    assert known.is_known("rita", "a new one")


def test_the_user_who_has_not_signed_in_for_longest_is_forgotten_first() -> None:
    known = KnownNetworks()
    for number in range(USERS_KEPT):
        known.add(f"user {number}", "here")
    known.add("user 0", "here")

    known.add("one more", "here")

    assert known.is_known("user 0", "here")
    assert not known.is_known("user 1", "here")
    assert known.is_known("one more", "here")


def test_a_question_about_a_stranger_stores_nothing() -> None:
    known = KnownNetworks()
    known.add("rita", "here")
    for number in range(2 * USERS_KEPT):
        known.is_known(f"stranger {number}", "here")

    assert known.is_known("rita", "here")
