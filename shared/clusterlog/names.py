"""What the streams of the log are called: one for each generation, never used again.

A generation's number is in the names of its stream and of its subject, so that a message meant for
one can come into no other.
"""

import json
import re
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration

NAME: Final = re.compile(r"LOG-(\d{1,18})")
LIST_STREAMS: Final = "$JS.API.STREAM.NAMES"
EVERY_GENERATION: Final = "meridian.log.*.entry"


def stream_name(generation: LogGeneration) -> str:
    return f"LOG-{generation}"


def subject_name(generation: LogGeneration) -> str:
    return f"meridian.log.{generation}.entry"


async def generations_there(client: Client, seconds: float) -> tuple[LogGeneration, ...]:
    """The generations that have a stream, in no order; there are few.

    Raises:
        LogUnavailable: JetStream does not answer.
    """
    question = json.dumps({"subject": EVERY_GENERATION}).encode()
    try:
        message = await client.request(LIST_STREAMS, question, timeout=seconds)
        answer: dict[str, Any] = json.loads(message.data)
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        raise LogUnavailable(f"the log's generations are not told: {error}") from error
    if "error" in answer:
        raise LogUnavailable(f"the log's generations are not told: {answer['error']}")
    names: list[str] = answer.get("streams") or []
    found = (NAME.fullmatch(name) for name in names)
    return tuple(LogGeneration(int(match[1])) for match in found if match)
