"""What is stormed: every message of the catalogue, at every subject on which somebody hears it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.events import CATALOGUE
from shared.events.message import Event, Request
from stack.layout import Layout
from tests.system.storm.readers import Audience, Readers
from tests.system.storm.samples import sample_of
from tests.system.storm.shots import (
    Expected,
    Shot,
    attested,
    bodies,
    headless,
    misattested,
    misdirected,
    misstated,
    mistimed,
    replayed,
    unproven,
)
from tests.system.wire_dialect import Speaker, credentials

QUESTIONS: Final = ("Read", "Verify", "Tell", "Explain", "Select", "Rehearse")
"""How requests begin that change nothing, whatever they say."""

EVENT_AREA: Final = "meridian.event."


@dataclass(frozen=True)
class Target:
    """One message at one subject, who says it, and whether what it says may be taken in earnest."""

    message: type[Event]
    subject: str
    sender: str
    good: dict[str, Any]
    is_harmless: bool
    audiences: tuple[Audience, ...]

    @property
    def name(self) -> str:
        return self.message.__name__

    @property
    def is_stored(self) -> bool:
        return self.message.subject.stored

    def takes(self, payload: bytes) -> bool:
        """Whether *payload* is of the declared shape, and says the same as the subject."""
        try:
            return decode_model(self.message, payload).address == self.subject
        except (Undecodable, ValueError):
            return False

    def shots(self, layout: Layout, chance: random.Random, count: int) -> list[Shot]:
        """*count* hostile messages, or as many as there are; forgeries before odd bodies."""
        speaker = Speaker(credentials(layout.state, self.sender))
        return list(islice(self._expecting(speaker, chance), count))

    def _expecting(self, speaker: Speaker, chance: random.Random) -> Iterator[Shot]:
        is_request = issubclass(self.message, Request)
        for shot in self._all(speaker, chance):
            shot_now = self._with_expectation(shot)
            if shot_now.expected is Expected.TAKEN and not self.is_harmless:
                continue
            if self._is_event:
                shot_now = attested(shot_now, speaker, self.subject)
            # A question that cannot be answered would try another fault than its own.
            asks = is_request and not shot_now.reply
            yield replace(shot_now, reply=f"{speaker.inbox}.storm") if asks else shot_now

    @property
    def _is_event(self) -> bool:
        return self.subject.startswith(EVENT_AREA)

    def _with_expectation(self, shot: Shot) -> Shot:
        if shot.expected is not Expected.BY_SHAPE:
            return shot
        return replace(
            shot, expected=Expected.TAKEN if self.takes(shot.payload) else Expected.REFUSED
        )

    def _all(self, speaker: Speaker, chance: random.Random) -> Iterator[Shot]:
        good = decode_model(self.message, json.dumps(self.good)).model_dump_json().encode()
        live = not self.is_stored
        yield from headless(good)
        yield from unproven(speaker, self.subject, good, live=live)
        fresh = live and not self.message.subject.any_age
        yield from misstated(speaker, self.subject, good, live=fresh)
        if self._is_event:
            yield from misattested(speaker, self.subject, good)
        if not live:
            yield from mistimed(speaker, self.subject, good)
        if live:
            yield from misdirected(speaker, self.subject, good)
        if fresh and self.is_harmless and all(len(each.services) == 1 for each in self.audiences):
            # Each member of a queue group remembers what it got itself.
            yield from replayed(speaker, self.subject, good)
        yield from bodies(speaker, self.subject, self.good, chance)


def targets(layout: Layout, readers: Readers, streams: dict[str, str]) -> Iterator[Target]:
    """Every target; *streams* gives the stream that keeps a subject, where there is one."""
    for message in CATALOGUE:
        node, sender = _speaker(message, layout)
        for good in _goods(message, readers, node):
            subject = message.subject.address(**good)
            stream = streams.get(subject, "")
            heard = readers.of_stored(stream, subject) if stream else readers.of_live(subject)
            is_own = message.subject.sender_field is not None and not _is_master(node, layout)
            harmless = message.subject.stored or is_own or _asks_only(message)
            yield Target(message, subject, sender, good, harmless, tuple(heard))


def _speaker(message: type[Event], layout: Layout) -> tuple[str, str]:
    """A node that runs a service which may speak, the last one in the layout; and that service."""
    for node in reversed(layout.nodes):
        able = sorted(message.subject.speakers & node.services.keys())
        if able:
            return str(node.name), f"{node.name}.{able[-1]}"
    raise AssertionError(f"nobody may send {message.__name__}")


def _goods(message: type[Event], readers: Readers, node: str) -> Iterator[dict[str, Any]]:
    """Good documents: one for each subject that is heard in full, else one alone."""
    golden, subject = sample_of(message), message.subject
    if subject.sender_field is not None:
        golden = {**golden, subject.sender_field: node}
    elif subject.fields:
        heard = [subject.parse(each) for each in readers.concrete(subject.wildcard)]
        if heard:
            yield from ({**golden, **fields} for fields in heard if fields is not None)
            return
    yield golden


def _asks_only(message: type[Event]) -> bool:
    return issubclass(message, Request) and message.__name__.startswith(QUESTIONS)


def _is_master(node: str, layout: Layout) -> bool:
    return node in {str(each.name) for each in layout.masters}
