from dataclasses import dataclass, field

from shared.domain.errors import BadSignature, Replayed, TooOld
from shared.domain.ids import Instant
from shared.messaging.rejections import LARGEST_DIFFERENCE_MS, MINUTE, Rejection, Rejections

SENDER = "berlin.relay.1f2e"


@dataclass
class Desk:
    """The clock, and what was told and counted."""

    at: float = 100.0
    told: list[Rejection] = field(default_factory=list[Rejection])
    counted: list[str] = field(default_factory=list[str])

    def rejections(self) -> Rejections:
        return Rejections(lambda: Instant(self.at), self.told.append, self.counted.append)


def refusal(reason: str) -> BadSignature:
    return BadSignature(f"refused: {reason}", reason=reason)


def test_the_first_refusal_is_told_at_once_with_its_sentence() -> None:
    desk = Desk()

    desk.rejections().record(refusal("not_a_speaker"), SENDER)

    assert desk.told == [Rejection(SENDER, "not_a_speaker", 1, "refused: not_a_speaker")]


def test_every_refusal_is_counted_and_one_a_minute_is_told() -> None:
    desk = Desk()
    rejections = desk.rejections()
    for _ in range(5):
        rejections.record(refusal("replayed"), SENDER)
    desk.at += MINUTE
    rejections.record(refusal("replayed"), SENDER)

    assert desk.counted == ["replayed"] * 6
    assert [each.count for each in desk.told] == [1, 5]


def test_each_sender_and_reason_is_told_for_itself() -> None:
    desk = Desk()
    rejections = desk.rejections()
    for sender in ("a.b.c", "d.e.f"):
        for reason in ("replayed", "another_node"):
            rejections.record(refusal(reason), sender)

    assert len(desk.told) == 4


def test_those_who_prove_nothing_are_told_of_together() -> None:
    desk = Desk()
    rejections = desk.rejections()
    for number in range(1_000):
        rejections.record(refusal("bad_mac"), f"forged.name.{number}")

    assert [each.sender for each in desk.told] == ["unknown"]
    assert len(desk.counted) == 1_000


def test_an_error_without_a_reason_is_counted_by_its_code() -> None:
    desk = Desk()
    rejections = desk.rejections()
    for error in (TooOld("x"), Replayed("y")):
        rejections.record(error, SENDER)

    assert desk.counted == ["too_old", "replayed"]


def test_a_message_that_is_late_or_skewed_passes_and_is_told_of() -> None:
    desk = Desk()
    rejections = desk.rejections()
    rejections.record_skew(SENDER, LARGEST_DIFFERENCE_MS - 1)
    assert desk.told == []

    rejections.record_skew(SENDER, -LARGEST_DIFFERENCE_MS)

    assert desk.told[0].reason == "late_or_skewed"
    assert "-5.0 s: it came late, or the clocks differ" in desk.told[0].detail
    assert desk.counted == []
