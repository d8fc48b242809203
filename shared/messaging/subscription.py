"""Subscribes services by the message that they declare, never by a subject.

The broker's library answers every message that carries a reply subject, with nothing when the
handler returns nothing. What it answers, and where, must not be the sender's choice: only a request
is answered, so every other subscription is made without answers. A handler's annotation must agree
with the declaration; that is checked when the service is wired.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from faststream.nats import NatsRoute

from shared.domain.ids import NodeId
from shared.events.message import Event, Request


def subscription(
    message: type[Event],
    handler: Callable[[Any], Awaitable[Any]],
    *,
    node: NodeId | None = None,
    service: str = "",
    queue: str = "",
    max_workers: int = 1,
) -> NatsRoute:
    """Hand every *message* to *handler*: those to *node* only, if the subject names a receiver.

    Some subjects name its *service* too.
    Members of one *queue* share the messages; *max_workers* are handled at the same time.
    """
    is_answered = issubclass(message, Request)
    returns_nothing = inspect.signature(handler).return_annotation in (None, "None")
    assert is_answered is not returns_nothing, (
        f"{message.__name__} is {'a request' if is_answered else 'not answered'}, but its handler "
        f"{'returns nothing' if is_answered else 'returns something'}"
    )
    declared = message.subject
    return NatsRoute(
        handler,
        declared.wildcard if node is None else declared.address(node=node, service=service),
        queue=queue,
        max_workers=max_workers,
        no_reply=not is_answered,
    )
