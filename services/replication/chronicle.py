# pyright: reportUnknownMemberType=false
"""Writes what happens to the site into the history that each master keeps in its own database.

The stream of events holds seven days and is lost with the log servers' files; the history is
neither. Each master reads for itself from a while before its newest event on, so that nobody has
to remember a place in a stream that may be another one tomorrow; what is there already is not kept
twice. Only what a member of the cluster signed is kept.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.replication.core.status import PREFIX, SUBJECTS, about, concerned, sentence, shortened
from shared.crypto.envelope import SIGNATURE_HEADER, WINDOW_MS, Identity, Verifier
from shared.crypto.testimony import NODE_SIGNATURE_HEADER, stated
from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.errors import BadSignature, StoreUnavailable
from shared.domain.history import StatusLine
from shared.domain.ids import UnixMillis
from shared.events.message import Event
from shared.events.operation import ReadStatusHistory, StatusHistoryRead
from shared.messaging.catalogue import find, require_speaker
from shared.messaging.client import answered
from shared.messaging.connection import jetstream_of
from shared.messaging.rejections import UNKNOWN, Rejections
from shared.messaging.streams import EVENTS
from shared.persistence.status_history import StatusEvent, StatusHistory, Wanted
from shared.runtime.clock import Clock

if TYPE_CHECKING:
    from nats.js import JetStreamContext

CALL_SECONDS: Final = 3.0
FETCH_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 1.0
ANEW_SECONDS: Final = 60.0
"""A reading that brought nothing for so long is begun anew: it may be of a stream that is gone."""

BATCH: Final = 100
OVERLAP_MS: Final = 600_000
"""Events may come late, and nodes' clocks differ; what is read twice is kept once."""

FORGET_SECONDS: Final = 3_600.0


@dataclass
class Chronicle:
    """One master's keeper of the history."""

    client: Client
    verifier: Verifier
    rejections: Rejections
    history: StatusHistory
    clock: Clock
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.history"))

    async def run(self) -> None:
        """Keep what happens, for ever."""
        while True:
            try:
                await self._read()
            except (NatsError, OSError, TimeoutError, StoreUnavailable) as error:
                self._log.debug("the history waits: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def tidy(self) -> None:
        """Forget what is too old or too much, for ever."""
        while True:
            try:
                await self.history.forget(self.clock.unix_ms())
            except StoreUnavailable as error:
                self._log.debug("later: %s", error.message)
            await asyncio.sleep(FORGET_SECONDS)

    async def answer(self, question: ReadStatusHistory) -> StatusHistoryRead | None:
        """What *question* asks for, of what this master has kept; None without its database.

        Every master is asked, so the other one answers then.
        """
        wanted = Wanted(
            limit=question.limit + 1,
            before=question.before,
            since=UnixMillis(question.since_unix_ms),
            node=question.node,
        )
        try:
            found = await self.history.read(wanted)
        except StoreUnavailable as error:
            self._log.warning("a question is left to the other master: %s", error.message)
            return None
        shown = found[: question.limit]
        following = (shown[-1].at, shown[-1].id) if len(found) > len(shown) else None
        return StatusHistoryRead(lines=tuple(_line(each) for each in shown), next=following)

    async def _read(self) -> None:
        """Read on from a while before the newest event, until nothing came for a while."""
        jetstream = jetstream_of(self.client, CALL_SECONDS)
        subscription = await jetstream.pull_subscribe(
            "", stream=EVENTS, config=await self._beginning()
        )
        try:
            await self._follow(subscription)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _follow(self, subscription: "JetStreamContext.PullSubscription") -> None:
        last = self.clock.now()
        while self.clock.now() - last < ANEW_SECONDS:
            try:
                messages = await answered(subscription.fetch(BATCH, timeout=FETCH_SECONDS))
            except NatsTimeoutError:
                continue
            last = self.clock.now()
            await self.history.keep(
                event for each in messages if (event := self._event(each)) is not None
            )

    async def _beginning(self) -> ConsumerConfig:
        newest = await self.history.newest()
        config = ConsumerConfig(
            filter_subjects=list(SUBJECTS),
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            inactive_threshold=ANEW_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        if newest is not None:
            config.deliver_policy = DeliverPolicy.BY_START_TIME
            since = max(0, min(newest, self.clock.unix_ms()) - OVERLAP_MS) / 1_000
            config.opt_start_time = datetime.fromtimestamp(since, UTC)
        return config

    def _event(self, message: Msg) -> StatusEvent | None:
        """The event in *message*; None for one that nobody of the cluster said."""
        headers = message.headers or {}
        header, kind = headers.get(SIGNATURE_HEADER, ""), headers.get("content-type", "")
        sender = UNKNOWN
        try:
            signed = self.verifier.check(message.subject, header, kind, message.data, live=False)
            sender = str(signed.identity)
            declared = self._declared(message, signed.identity)
            told = stated(headers.get(NODE_SIGNATURE_HEADER, ""))
            self._require_past(told.unix_ms)
            body = shortened(message.data)
            # Words are made of what the event declares: another member may be of any type.
            known = shortened(declared.model_dump_json(exclude_unset=True).encode())
        except (BadSignature, Undecodable) as error:
            self.rejections.refused(error, sender)
            return None
        fact, speaker = message.subject.removeprefix(PREFIX), signed.identity.node
        return StatusEvent(
            id=told.id,
            at=told.unix_ms,
            speaker=speaker,
            fact=fact,
            nodes=concerned(speaker, known),
            about=about(fact, known),
            said=sentence(fact, known),
            body=body,
        )

    @staticmethod
    def _declared(message: Msg, identity: Identity) -> Event:
        """The event of the catalogue that *message* is, from a service that may say it.

        Raises:
            BadSignature: it is none, or from another service.
            Undecodable: it is of another shape.
        """
        declared = find(message.subject)
        if declared is None:
            raise BadSignature(f"{message.subject} is not declared", reason="unknown_subject")
        require_speaker(declared, message.subject, identity)
        return decode_model(declared, message.data)

    def _require_past(self, at: UnixMillis) -> None:
        """Let pass what has happened: an event of tomorrow would end today's reading."""
        if at > self.clock.unix_ms() + WINDOW_MS:
            raise BadSignature("an event that has not happened yet", reason="too_new")


def _line(event: StatusEvent) -> StatusLine:
    return StatusLine(
        id=event.id,
        at_unix_ms=event.at,
        speaker=event.speaker,
        fact=event.fact,
        nodes=event.nodes,
        said=event.said,
        body=event.body,
        is_state=event.about is not None,
        lasted_ms=None if event.until is None else event.until - event.at,
    )
