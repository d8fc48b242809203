"""The names of the log's streams: one for each generation, never used again.

A generation's number is in the names of its stream and of its subject, so that a message meant for
one can come into no other.
"""

import json
import re
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.decoding.text import to_integer
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration
from shared.messaging.jetstream import STREAM_NAMES

NAME: Final = re.compile(r"LOG-([0-9]{1,18})")
EVERY_GENERATION: Final = "meridian.log.*.entry"


def stream_name(generation: LogGeneration) -> str:
    return f"LOG-{generation}"


def subject_name(generation: LogGeneration) -> str:
    return f"meridian.log.{generation}.entry"


async def list_generations(client: Client, seconds: float) -> tuple[LogGeneration, ...]:
    """The generations that have a stream, in no order; there are few.

    Raises:
        LogUnavailable: JetStream does not answer.
    """
    question = json.dumps({"subject": EVERY_GENERATION}).encode()
    try:
        message = await client.request(STREAM_NAMES, question, timeout=seconds)
        answer = decode_object(message.data, "answer")
        names = answer.items("streams") if "streams" in answer else []
    except (NatsError, OSError, TimeoutError, Undecodable) as error:
        raise LogUnavailable(f"the log's generations are not known: {error}") from error
    if "error" in answer:
        raise LogUnavailable(f"the log's generations are not known: {answer.value('error')}")
    found = (NAME.fullmatch(name) for name in names if isinstance(name, str))
    return tuple(LogGeneration(to_integer(match[1])) for match in found if match)
