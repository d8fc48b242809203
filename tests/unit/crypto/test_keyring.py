import pytest

from shared.crypto.keyring import KeyRing, check_psk, derive_keys, make_psk
from shared.domain.errors import BadSettings
from shared.domain.ids import ClusterId

PSK = "correct horse battery staple"
CLUSTER = ClusterId("0123456789abcdef")
GOLDEN_KID = "e9c7a995"
GOLDEN_CONTROL = "1ac8c78e6f3575f6"


def test_the_same_key_in_the_same_cluster_gives_the_same_keys() -> None:
    assert derive_keys(PSK, CLUSTER) == derive_keys(PSK, CLUSTER)


def test_another_cluster_or_another_key_gives_other_keys() -> None:
    keys = derive_keys(PSK, CLUSTER)

    for other in (derive_keys(PSK, ClusterId("other")), derive_keys(PSK + "!", CLUSTER)):
        assert other.kid != keys.kid
        assert other.control != keys.control
        assert other.ticket != keys.ticket


def test_each_use_has_a_key_of_its_own() -> None:
    keys = derive_keys(PSK, CLUSTER)

    assert keys.control != keys.ticket
    assert len(keys.control) == len(keys.ticket) == 32
    assert len(keys.kid) == 8


def test_the_derivation_never_changes() -> None:
    """A cluster of mixed versions must agree, so the figures are fixed for ever."""
    keys = derive_keys(PSK, CLUSTER)

    assert keys.kid == GOLDEN_KID
    assert keys.control.hex()[:16] == GOLDEN_CONTROL


def test_a_ring_finds_the_current_and_the_previous_key_and_no_other() -> None:
    ring = KeyRing.derive(PSK, CLUSTER, previous="the key that was used before")

    assert ring.find(ring.current.kid) is ring.current
    assert ring.previous is not None
    assert ring.find(ring.previous.kid) is ring.previous
    assert ring.find("00000000") is None


def test_a_ring_without_rotation_has_no_previous_key() -> None:
    assert KeyRing.derive(PSK, CLUSTER).previous is None


@pytest.mark.parametrize("psk", ["", "short", "fifteen letters"])
def test_a_short_key_is_refused_with_its_length(psk: str) -> None:
    with pytest.raises(BadSettings, match=f"has {len(psk)} characters"):
        check_psk(psk)


@pytest.mark.parametrize(
    "psk",
    [
        "a" * 40,
        "abababababababababab",
        "1111111122222222",
        "passwordpassword",
        "passwordpasswordpass",
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789abcdef",
        "zyxwvutsrqponmlkjihgfedcba",
    ],
)
def test_a_regular_key_is_refused(psk: str) -> None:
    with pytest.raises(BadSettings, match="too regular"):
        check_psk(psk)


@pytest.mark.parametrize("psk", [PSK, "Tr0ub4dor&3 and more", "b1946ac92492d2347c6235b4d2611184"])
def test_an_irregular_key_is_taken(psk: str) -> None:
    assert check_psk(psk) == psk


def test_a_made_key_is_good_and_never_the_same() -> None:
    first, second = make_psk(), make_psk()

    assert check_psk(first) == first
    assert first != second
