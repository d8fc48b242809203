# pyright: reportUnknownMemberType=false
"""Archives the events about the site's status in the database of each master.

The stream of events holds seven days and is lost with the log servers' files; the archive is
neither. Each master reads from OVERLAP_MS before its newest archived event, and stores each event
once. So it needs no position in the stream, which may be another stream tomorrow. Only events that
a member of the cluster signed are archived.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from services.replication.core.status import (
    PREFIX,
    SUBJECTS,
    nodes_of,
    sentence,
    shortened,
    state_key,
)
from shared.crypto.envelope import SIGNATURE_HEADER, WINDOW_MS, Identity, Verifier
from shared.crypto.node_signature import NODE_SIGNATURE_HEADER, parse_statement
from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.errors import BadSignature, StoreUnavailable
from shared.domain.history import StatusLine
from shared.domain.ids import UnixMillis
from shared.domain.outage import Outage
from shared.events.message import Event
from shared.events.operation import ReadStatusHistory, StatusHistoryRead
from shared.messaging.catalogue import find_message, require_speaker
from shared.messaging.client import PullSubscription, require_readable
from shared.messaging.connection import jetstream_of
from shared.messaging.rejections import UNKNOWN, Rejections
from shared.messaging.streams import EVENTS
from shared.persistence.status_history import StatusEvent, StatusHistory, Wanted
from shared.runtime.clock import Clock

CALL_SECONDS: Final = 3.0
FETCH_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 60.0
"""A consumer that brought nothing for so long is replaced: its stream may be gone."""

BATCH: Final = 100
OVERLAP_MS: Final = 600_000
"""Events may come late, and the clocks of nodes differ; an event read twice is stored once."""

FORGET_SECONDS: Final = 3_600.0


@dataclass
class EventArchiver:
    """Reads the stream of events into one master's history."""

    client: Client
    verifier: Verifier
    rejections: Rejections
    history: StatusHistory
    clock: Clock
    _outage: Outage = field(default_factory=Outage)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.history"))

    async def run(self) -> None:
        """Archive events until cancelled."""
        while True:
            try:
                await self._read()
            except (NatsError, OSError, TimeoutError, StoreUnavailable) as error:
                self._log.debug("the history waits: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def forget_old(self) -> None:
        """Delete events that are too old or too many, until cancelled."""
        while True:
            try:
                await self.history.forget(self.clock.unix_ms())
            except StoreUnavailable as error:
                self._log.debug("later: %s", error.message)
            await asyncio.sleep(FORGET_SECONDS)

    async def answer(self, question: ReadStatusHistory) -> StatusHistoryRead | None:
        """Read what *question* asks for; None when the database does not answer.

        Every master receives the question, so the other one answers then.
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
            if self._outage.is_worth_a_line(error.code):
                self._log.warning("the other master has to answer questions: %s", error.message)
            return None
        if self._outage.end():
            self._log.info("this master answers questions about its history again")
        shown = found[: question.limit]
        following = (shown[-1].at, shown[-1].id) if len(found) > len(shown) else None
        return StatusHistoryRead(lines=tuple(_line(each) for each in shown), next=following)

    async def _read(self) -> None:
        """Read from OVERLAP_MS before the newest archived event, until nothing comes."""
        jetstream = jetstream_of(self.client, CALL_SECONDS)
        subscription = await jetstream.pull_subscribe(
            "", stream=EVENTS, config=await self._consumer_config()
        )
        try:
            await self._follow(subscription)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _follow(self, subscription: PullSubscription) -> None:
        last = self.clock.now()
        while self.clock.now() - last < IDLE_SECONDS:
            try:
                messages = await require_readable(subscription.fetch(BATCH, timeout=FETCH_SECONDS))
            except NatsTimeoutError:
                continue
            last = self.clock.now()
            await self.history.keep(
                event for each in messages if (event := self._archived_event(each)) is not None
            )

    async def _consumer_config(self) -> ConsumerConfig:
        newest = await self.history.newest()
        config = ConsumerConfig(
            filter_subjects=list(SUBJECTS),
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            inactive_threshold=IDLE_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        if newest is not None:
            config.deliver_policy = DeliverPolicy.BY_START_TIME
            since = max(0, min(newest, self.clock.unix_ms()) - OVERLAP_MS) / 1_000
            config.opt_start_time = datetime.fromtimestamp(since, UTC)
        return config

    def _archived_event(self, message: Msg) -> StatusEvent | None:
        """Give the event in *message*; None when no member of the cluster signed it."""
        headers = message.headers or {}
        header, kind = headers.get(SIGNATURE_HEADER, ""), headers.get("content-type", "")
        sender = UNKNOWN
        try:
            signed = self.verifier.check(message.subject, header, kind, message.data, live=False)
            sender = str(signed.identity)
            declared = self._declared(message, signed.identity)
            statement = parse_statement(headers.get(NODE_SIGNATURE_HEADER, ""))
            self._require_past(statement.unix_ms)
            body = shortened(message.data)
            # Sentences use only declared fields: others may be of any type.
            known = shortened(declared.model_dump_json(exclude_unset=True).encode())
        except (BadSignature, Undecodable) as error:
            self.rejections.record(error, sender)
            return None
        fact, speaker = message.subject.removeprefix(PREFIX), signed.identity.node
        return StatusEvent(
            id=statement.id,
            at=statement.unix_ms,
            speaker=speaker,
            fact=fact,
            nodes=nodes_of(speaker, known),
            about=state_key(fact, known),
            sentence=sentence(fact, known),
            body=body,
        )

    @staticmethod
    def _declared(message: Msg, identity: Identity) -> Event:
        """Decode *message* as the event that its subject declares.

        Raises:
            BadSignature: the subject is not declared, or its sender may not publish there.
            Undecodable: it is of another shape.
        """
        declared = find_message(message.subject)
        if declared is None:
            raise BadSignature(f"{message.subject} is not declared", reason="unknown_subject")
        require_speaker(declared, message.subject, identity)
        return decode_model(declared, message.data)

    def _require_past(self, at: UnixMillis) -> None:
        """Refuse an event of the future: reading would begin after it from then on."""
        if at > self.clock.unix_ms() + WINDOW_MS:
            raise BadSignature("an event that has not happened yet", reason="too_new")


def _line(event: StatusEvent) -> StatusLine:
    return StatusLine(
        id=event.id,
        at_unix_ms=event.at,
        speaker=event.speaker,
        fact=event.fact,
        nodes=event.nodes,
        sentence=event.sentence,
        body=event.body,
        is_state=event.about is not None,
        lasted_ms=None if event.until is None else event.until - event.at,
    )
