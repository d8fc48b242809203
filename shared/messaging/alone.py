"""Finds out whether the connected NATS server runs alone, outside of any cluster.

A server that runs alone refuses, at once and with an error code of its own, what only servers in a
cluster can do. A server in a cluster without a quorum does not answer.
"""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.messaging.jetstream import ErrorCode, leader_step_down_subject

QUESTION: Final = leader_step_down_subject("LOG-0")
"""Asks the leader of a stream that never exists, so that it has no effect in a cluster either."""

ANSWER_SECONDS: Final = 1.0
ALONE: Final = 1
"""As many replicas of a stream as a server alone can carry; it refuses more."""


async def is_alone(client: Client) -> bool:
    """Say whether the server answers that it is in no cluster; False when it does not answer."""
    try:
        message = await client.request(QUESTION, timeout=ANSWER_SECONDS)
        answer = decode_object(message.data, "answer")
        return answer.object("error").value("err_code") == ErrorCode.NOT_CLUSTERED
    except (NatsError, OSError, TimeoutError, Undecodable):
        return False


async def possible_replicas(client: Client, replicas: int) -> int:
    """Say how many of *replicas* the server can store: one where it runs alone."""
    return ALONE if await is_alone(client) else replicas
