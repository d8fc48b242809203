from dataclasses import dataclass, field

from shared.domain.errors import BadSignature, Replayed, TooOld
from shared.domain.ids import Instant
from shared.messaging.rejections import MINUTE, Rejection, Rejections

SENDER = "berlin.relay.1f2e"


@dataclass
class Recorder:
    """The clock, and what was reported and counted."""

    at: float = 100.0
    reports: list[Rejection] = field(default_factory=list[Rejection])
    counted: list[str] = field(default_factory=list[str])

    def rejections(self) -> Rejections:
        return Rejections(lambda: Instant(self.at), self.reports.append, self.counted.append)


def refusal(reason: str) -> BadSignature:
    return BadSignature(f"refused: {reason}", reason=reason)


def test_the_first_refusal_is_reported_at_once_with_its_sentence() -> None:
    recorder = Recorder()

    recorder.rejections().record(refusal("not_a_speaker"), SENDER)

    assert recorder.reports == [Rejection(SENDER, "not_a_speaker", 1, "refused: not_a_speaker")]


def test_every_refusal_is_counted_and_one_a_minute_is_reported() -> None:
    recorder = Recorder()
    rejections = recorder.rejections()
    for _ in range(5):
        rejections.record(refusal("replayed"), SENDER)
    recorder.at += MINUTE
    rejections.record(refusal("replayed"), SENDER)

    assert recorder.counted == ["replayed"] * 6
    assert [each.count for each in recorder.reports] == [1, 5]


def test_each_sender_and_reason_is_reported_for_itself() -> None:
    recorder = Recorder()
    rejections = recorder.rejections()
    for sender in ("a.b.c", "d.e.f"):
        for reason in ("replayed", "another_node"):
            rejections.record(refusal(reason), sender)

    assert len(recorder.reports) == 4


def test_those_who_prove_nothing_are_reported_together() -> None:
    recorder = Recorder()
    rejections = recorder.rejections()
    for number in range(1_000):
        rejections.record(refusal("bad_mac"), f"forged.name.{number}")

    assert [each.sender for each in recorder.reports] == ["unknown"]
    assert len(recorder.counted) == 1_000


def test_an_error_without_a_reason_is_counted_by_its_code() -> None:
    recorder = Recorder()
    rejections = recorder.rejections()
    for error in (TooOld("x"), Replayed("y")):
        rejections.record(error, SENDER)

    assert recorder.counted == ["too_old", "replayed"]
