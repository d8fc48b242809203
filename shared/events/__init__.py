"""Every subject and every message of the control plane, declared once.

`CATALOGUE` is the list in reading order; documents and the check of who may speak where are
made from it.
"""

from typing import Final

from shared.events.config import ConfigChanged, ProposeChanges, ReadDocuments
from shared.events.failover import (
    MasterGranted,
    PrimaryChanged,
    ReadMasterStatus,
    RedirectionChanged,
)
from shared.events.message import Event
from shared.events.node import NodeHeartbeat
from shared.events.relay import CloseSession, DrainNode, UndrainNode
from shared.events.replication import (
    FollowerProgressed,
    FollowerStateChanged,
    OfferSnapshot,
    SyncNow,
)
from shared.events.security import MessageRejected
from shared.events.selection import ExplainSelection, SelectNodes
from shared.events.session import PathReported, SessionState

CATALOGUE: Final[tuple[type[Event], ...]] = (
    NodeHeartbeat,
    ProposeChanges,
    ReadDocuments,
    ConfigChanged,
    FollowerProgressed,
    FollowerStateChanged,
    SyncNow,
    OfferSnapshot,
    MasterGranted,
    ReadMasterStatus,
    PrimaryChanged,
    RedirectionChanged,
    SelectNodes,
    ExplainSelection,
    DrainNode,
    UndrainNode,
    CloseSession,
    SessionState,
    PathReported,
    MessageRejected,
)
