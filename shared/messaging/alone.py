"""Whether the NATS server that this process is connected to runs alone, outside of any cluster.

A server alone says so itself: it refuses, at once and with a code of its own, what only servers in
a cluster can do. One in a cluster without a quorum says nothing.
"""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object

QUESTION: Final = "$JS.API.STREAM.LEADER.STEPDOWN.LOG-0"
"""Asks the leader of a stream that never is, so that nothing comes of it in a cluster either."""

NOT_CLUSTERED: Final = 10010
"""The server's code for "JetStream clustering support required"."""

ANSWER_SECONDS: Final = 1.0
ALONE: Final = 1
"""As many replicas of a stream as a server alone can carry; it refuses more."""


async def is_alone(client: Client) -> bool:
    """Whether the server says that it is in no cluster; silence says nothing."""
    try:
        message = await client.request(QUESTION, timeout=ANSWER_SECONDS)
        answer = decode_object(message.data, "answer")
        return answer.object("error").value("err_code") == NOT_CLUSTERED
    except (NatsError, OSError, TimeoutError, Undecodable):
        return False


async def carried(client: Client, replicas: int) -> int:
    """As many of *replicas* as the server can carry."""
    return ALONE if await is_alone(client) else replicas
