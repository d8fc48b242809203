"""Orders to a relay."""

from typing import ClassVar

from shared.domain.ids import Epoch, NodeId, SessionId
from shared.events.message import Done, Request
from shared.events.subject import Subject

_GATEWAY = frozenset({"gateway"})
_RELAY = frozenset({"relay"})


class DrainNode(Request[Done]):
    """Take no new pairs on *node*; those that run go on."""

    subject: ClassVar = Subject("meridian.relay.{node}.drain", _GATEWAY, _RELAY)

    node: NodeId
    epoch: Epoch


class UndrainNode(Request[Done]):
    """Take new pairs on *node* again."""

    subject: ClassVar = Subject("meridian.relay.{node}.undrain", _GATEWAY, _RELAY)

    node: NodeId
    epoch: Epoch


class CloseSession(Request[Done]):
    """End *session* on *node* and refuse it as `closed` until *until_unix_ms* (tickets' life)."""

    subject: ClassVar = Subject("meridian.relay.{node}.close_session", _GATEWAY, _RELAY)

    node: NodeId
    session: SessionId
    until_unix_ms: int
