"""What becomes of an event after one attempt to deliver it.

An event is delivered when the receiver says 2xx. Anything else, silence and a redirect included,
is tried again: after a second, then twice as long each time, at most every five minutes. It is
given up when the next attempt would come later than the webhook allows after the event happened;
so an event that was already older is tried once. The attempts are counted by the stream and not
here, so another master goes on with the same patience.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.containment import shortened

ATTEMPTS: Final = Backoff(first_seconds=1.0, longest_seconds=300.0)
SUCCESS: Final = range(200, 300)
REDIRECT: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: a status, or why there is none; *location* is a redirect's."""

    status: int | None
    problem: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried again after *seconds*."""

    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """It is tried no more."""

    cause: str


Verdict = Delivered | Again | GaveUp


def verdict(answer: Answer, attempt: int, age_seconds: float, limit_seconds: float) -> Verdict:
    """What becomes of an event *age_seconds* old after its *attempt*, counted from 1."""
    if answer.status in SUCCESS:
        return Delivered()
    cause = _cause(answer)
    pause = ATTEMPTS.pause_seconds(attempt)
    if age_seconds + pause > limit_seconds:
        hours = limit_seconds / 3_600
        return GaveUp(f"not delivered within {hours:g} h and {attempt} attempts: {cause}")
    return Again(pause, cause)


def _cause(answer: Answer) -> str:
    return shortened(_sentence(answer))


def _sentence(answer: Answer) -> str:
    if answer.status is None:
        return answer.problem or "no answer"
    if answer.status in REDIRECT:
        where = f" to {answer.location}" if answer.location else ""
        return f"it redirects{where}, and redirects are not followed: set that url"
    return f"it answers {answer.status}"
