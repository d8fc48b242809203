"""Decides what becomes of an event after one attempt to deliver it.

A 2xx status is a delivery. Anything else, also a redirect or no answer, is retried after one
second, then after twice as long each time, at most five minutes. The event is given up when the
next attempt would come later than the webhook allows after the event happened; an event that is
older already gets one attempt. The stream counts the attempts, so another master goes on counting.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.containment import shorten

ATTEMPTS: Final = Backoff(first_seconds=1.0, longest_seconds=300.0)
SUCCESS: Final = range(200, 300)
REDIRECT: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Response:
    """The receiver's status, or the reason for none; *location* is where a redirect leads."""

    status: int | None
    problem: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The decision after a success: the receiver has the event."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The decision to attempt the event again after *seconds*."""

    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The decision to attempt the event no more."""

    cause: str


Verdict = Delivered | Retry | GiveUp


def decide(response: Response, attempt: int, age_seconds: float, limit_seconds: float) -> Verdict:
    """Decide about an event that is *age_seconds* old after its *attempt*, counted from 1."""
    if response.status in SUCCESS:
        return Delivered()
    cause = _cause(response)
    pause = ATTEMPTS.pause_seconds(attempt)
    if age_seconds + pause > limit_seconds:
        hours = limit_seconds / 3_600
        return GiveUp(f"not delivered within {hours:g} h and {attempt} attempts: {cause}")
    return Retry(pause, cause)


def _cause(response: Response) -> str:
    return shorten(_sentence(response))


def _sentence(response: Response) -> str:
    if response.status is None:
        return response.problem or "no answer"
    if response.status in REDIRECT:
        where = f" to {response.location}" if response.location else ""
        return f"it redirects{where}, and redirects are not followed: set that url"
    return f"it answers {response.status}"
