import hmac
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.envelope import (
    MESSAGE,
    REPLY,
    SENDERS_KEPT,
    SLOTS,
    WINDOW_MS,
    Identity,
    Signer,
    Verifier,
    Window,
    canonical,
)
from shared.crypto.keyring import KeyRing, Keys
from shared.domain.errors import BadSignature, Replayed, TooOld
from shared.domain.ids import NodeId, UnixMillis

RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
OTHER = KeyRing(Keys("aaaaaaaa", b"d" * 32, b"t" * 32))
ALPHA = Identity(NodeId("alpha"), "config", "1f2e")
SUBJECT = "meridian.node.alpha.heartbeat"
NOW = 1_000_000


@dataclass
class Clock:
    at: int = NOW

    def __call__(self) -> UnixMillis:
        return UnixMillis(self.at)


def signer(ring: KeyRing = RING, at: int = NOW, boot: str = "boot") -> Signer:
    return Signer(ring, ALPHA, boot, Clock(at))


def verifier(at: int = NOW, started: int = 0) -> Verifier:
    return Verifier(RING, Clock(at), UnixMillis(started))


def check(verifier: Verifier, header: str, payload: bytes = b"{}", *, live: bool = True) -> str:
    return verifier.check(SUBJECT, header, "json", payload, live=live).id


def sign(by: Signer, payload: bytes = b"{}") -> str:
    return by.sign(MESSAGE, SUBJECT, "json", payload)[0]


def reason(error: BadSignature) -> object:
    return error.attributes["reason"]


def test_a_signed_message_names_who_sent_it() -> None:
    header, message_id = signer().sign(MESSAGE, SUBJECT, "json", b"{}")

    signed = verifier().check(SUBJECT, header, "json", b"{}", live=True)

    assert signed.identity == ALPHA
    assert signed.id == message_id
    assert signed.unix_ms == NOW


@pytest.mark.parametrize(
    ("subject", "content_type", "payload"),
    [
        ("meridian.node.bravo.heartbeat", "json", b"{}"),
        (SUBJECT, "text", b"{}"),
        (SUBJECT, "json", b"{ }"),
    ],
)
def test_whatever_is_changed_on_the_way_is_noticed(
    subject: str, content_type: str, payload: bytes
) -> None:
    header = sign(signer())

    with pytest.raises(BadSignature) as caught:
        verifier().check(subject, header, content_type, payload, live=True)

    assert reason(caught.value) == "bad_mac"


@pytest.mark.parametrize("field", range(1, 7))
def test_no_field_of_the_header_can_be_changed(field: int) -> None:
    parts = sign(signer()).split(";")
    parts[field] = "0" + parts[field][1:] if parts[field] else "x"

    with pytest.raises(BadSignature):
        check(verifier(), ";".join(parts))


@pytest.mark.parametrize("header", ["", "1", "1;2;3", "2;a;b;c;d;e;f", ";;;;;;"])
def test_an_unsigned_message_is_refused(header: str) -> None:
    with pytest.raises(BadSignature) as caught:
        check(verifier(), header)

    assert reason(caught.value) in {"unsigned", "unknown_key"}


def test_a_stranger_with_the_same_key_name_is_refused() -> None:
    with pytest.raises(BadSignature) as caught:
        check(verifier(), sign(signer(OTHER)))

    assert reason(caught.value) == "bad_mac"


@pytest.mark.parametrize("difference", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_a_time_outside_the_window_is_too_old(difference: int) -> None:
    with pytest.raises(TooOld) as caught:
        check(verifier(), sign(signer(at=NOW + difference)))

    assert reason(caught.value) == caught.value.code == "too_old"
    assert caught.value.attributes["difference_ms"] == difference
    assert "alpha" in caught.value.message


@pytest.mark.parametrize("difference", [-WINDOW_MS, 0, WINDOW_MS])
def test_a_time_within_the_window_passes(difference: int) -> None:
    assert check(verifier(), sign(signer(at=NOW + difference)))


def test_a_message_comes_once() -> None:
    header, receiver = sign(signer()), verifier()
    check(receiver, header)

    with pytest.raises(Replayed) as caught:
        check(receiver, header)

    assert reason(caught.value) == "replayed"


def test_a_message_from_before_the_receivers_start_is_refused() -> None:
    with pytest.raises(Replayed) as caught:
        check(verifier(started=NOW + 1), sign(signer()))

    assert reason(caught.value) == "before_start"


def test_the_age_of_a_stored_message_says_nothing() -> None:
    header, receiver = sign(signer(at=5)), verifier(started=NOW)

    assert check(receiver, header, live=False) == check(receiver, header, live=False)


def test_a_forged_message_leaves_no_trace_in_the_window() -> None:
    receiver, by = verifier(), signer()
    first = sign(by)
    forged = first[:-1] + ("0" if first[-1] != "0" else "1")
    with pytest.raises(BadSignature):
        check(receiver, forged)

    assert check(receiver, first)


def test_a_new_boot_of_the_same_sender_counts_anew() -> None:
    receiver = verifier()
    check(receiver, sign(signer(boot="one")))

    assert check(receiver, sign(signer(boot="two")))


def test_a_reply_answers_the_request_that_it_names() -> None:
    header, _ = signer().sign(REPLY, "", "json", b"{}", "boot+7")

    signed = verifier().check("", header, "json", b"{}", live=False, in_reply_to="boot+7")
    assert signed.identity == ALPHA
    with pytest.raises(BadSignature) as caught:
        verifier().check("", header, "json", b"{}", live=False, in_reply_to="boot+8")
    assert reason(caught.value) == "other_request"


def test_a_message_cannot_pass_as_an_answer_nor_an_answer_as_a_message() -> None:
    message, _ = signer().sign(MESSAGE, "", "json", b"{}", "boot+7")
    answer, _ = signer().sign(REPLY, "", "json", b"{}", "boot+7")

    with pytest.raises(BadSignature):
        verifier().check("", message, "json", b"{}", live=False, in_reply_to="boot+7")
    with pytest.raises(BadSignature):
        verifier().check("", answer, "json", b"{}", live=True)


def test_windows_of_silent_senders_are_forgotten() -> None:
    receiver = verifier()
    for number in range(50):
        check(receiver, sign(signer(boot=f"boot-{number}")))
    late = Clock(NOW + 3 * WINDOW_MS)
    receiver.now_ms = late

    check(receiver, sign(signer(at=late.at, boot="now")))

    assert len(receiver.windows) == 1


def test_a_window_lives_as_long_as_its_last_message_can_pass() -> None:
    receiver, header = verifier(), sign(signer())
    check(receiver, header)
    receiver.now_ms = Clock(NOW + WINDOW_MS)
    check(receiver, sign(signer(at=NOW + WINDOW_MS, boot="another")))

    with pytest.raises(Replayed):
        check(receiver, header)


def test_a_flood_of_boots_makes_no_room_for_a_replay() -> None:
    receiver, header = verifier(), sign(signer())
    check(receiver, header)
    full = Window(expires=NOW + WINDOW_MS)
    receiver.windows |= {f"boot-{number}": full for number in range(SENDERS_KEPT)}

    with pytest.raises(Replayed) as caught:
        check(receiver, sign(signer(boot="one-more")))
    assert reason(caught.value) == "too_many_senders"
    with pytest.raises(Replayed):
        check(receiver, header)


@pytest.mark.parametrize(
    "head",
    [
        "1;aaaaaaaa;alpha.config.1f2e;1000000;boot;",
        "1;aaaaaaaa;alpha.config.1f2e;1000000;boot+;",
        "1;aaaaaaaa;alpha.config.1f2e;1000000;boot+x;",
        "1;aaaaaaaa;alpha.config.1f2e;1000000;boot+-7;",
        "1;aaaaaaaa;alpha.config.1f2e;1000000;boot+0;",
        "1;aaaaaaaa;alpha.config.1f2e;1000000;7;",
        "1;aaaaaaaa;alpha.config.1f2e;soon;boot+1;",
        "1;aaaaaaaa;alpha.config;1000000;boot+1;",
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_a_member_that_writes_nonsense_is_refused_like_anybody(head: str, live: bool) -> None:
    fields = (b"msg", SUBJECT.encode(), head.encode(), b"json", b"{}")
    mac = hmac.digest(RING.current.control, canonical(*fields), "sha256").hex()

    with pytest.raises(BadSignature) as caught:
        check(verifier(), f"{head};{mac}", live=live)

    assert reason(caught.value) == "malformed"


@given(st.permutations(range(1, 60)))
def test_a_window_admits_each_counter_once_in_any_order(order: list[int]) -> None:
    window = Window()

    assert all(window.admit(counter, 0) for counter in order)
    assert not any(window.admit(counter, 0) for counter in order)


def test_a_counter_below_the_window_is_refused() -> None:
    window = Window()
    window.admit(SLOTS + 10, 0)

    assert not window.admit(10, 0)
    assert window.admit(11, 0)


def test_a_window_needs_constant_memory() -> None:
    window = Window()
    for counter in range(1, 3 * SLOTS, 7):
        window.admit(counter, 0)

    assert window.seen.bit_length() <= SLOTS


def test_a_huge_step_of_the_counter_makes_no_huge_number() -> None:
    window = Window()
    window.admit(1, 0)

    assert window.admit(10**4_000, 0)
    assert window.seen == 1
    assert not window.admit(10**4_000, 0)


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_no_two_lists_of_fields_give_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (canonical(*one) == canonical(*other)) is (one == other)


def test_an_identity_reads_as_it_is_written() -> None:
    assert Identity.parse(str(ALPHA)) == ALPHA
