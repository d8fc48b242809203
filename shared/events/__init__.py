"""Every subject and every message of the control plane, declared once.

`CATALOGUE` is the list in reading order; documents and the check of who may speak where are
made from it.
"""

from typing import Final

from shared.events.clock import ReadClock
from shared.events.config import (
    ConfigChanged,
    PauseWrites,
    PromoteAlone,
    ProposeChanges,
    ReadCurrent,
    ReadDocuments,
    ReadHistory,
    ReadPosition,
    RebuildLog,
    ReplicationModeChanged,
    VerifyChain,
)
from shared.events.conflict import (
    ConflictKept,
    KeepConflict,
    ReadConflict,
    ReadConflictEntries,
    ReadConflicts,
    ResolveConflict,
)
from shared.events.failover import (
    AssumeRole,
    MasterGranted,
    PrepareForRole,
    PrimaryChanged,
    PrimaryHealthChanged,
    PrimarySteppedDown,
    ReadMasterStatus,
    RedirectionChanged,
    RequestPromise,
    SwitchOver,
)
from shared.events.message import Event
from shared.events.node import ClockChanged, NodeHeartbeat, NodeStateChanged, ReadinessChanged
from shared.events.operation import OperationEnded, ReadStatusHistory
from shared.events.proof import ProveConfig, ProveGateway, ProveReplication
from shared.events.rehearsal import RehearseSelection
from shared.events.relay import CloseSession, DrainNode, UndrainNode
from shared.events.replication import (
    FollowerProgressed,
    FollowerStateChanged,
    LogRebuilt,
    LogServerChanged,
    LogSpaceChanged,
    OfferSnapshot,
    SyncNow,
)
from shared.events.security import MessageRejected, SignInRefused
from shared.events.selection import ExplainSelection, SelectNodes
from shared.events.service import ServiceEndedUncleanly
from shared.events.session import PathReported, SessionChanged, SessionPathChanged, SessionState
from shared.events.webhook import ReadWebhooksProgress, WebhookDeliveryFailed, WebhookStateChanged

CATALOGUE: Final[tuple[type[Event], ...]] = (
    NodeHeartbeat,
    NodeStateChanged,
    ReadinessChanged,
    ClockChanged,
    ReadClock,
    ServiceEndedUncleanly,
    ProposeChanges,
    ReadDocuments,
    ReadCurrent,
    ReadHistory,
    VerifyChain,
    ReadPosition,
    PromoteAlone,
    RebuildLog,
    PauseWrites,
    ConfigChanged,
    ReplicationModeChanged,
    FollowerProgressed,
    FollowerStateChanged,
    LogRebuilt,
    LogServerChanged,
    LogSpaceChanged,
    SyncNow,
    OfferSnapshot,
    ConflictKept,
    ReadConflicts,
    ReadConflict,
    ReadConflictEntries,
    KeepConflict,
    ResolveConflict,
    ReadStatusHistory,
    OperationEnded,
    MasterGranted,
    ReadMasterStatus,
    SwitchOver,
    PrepareForRole,
    AssumeRole,
    RequestPromise,
    ProveConfig,
    ProveReplication,
    ProveGateway,
    PrimaryChanged,
    PrimarySteppedDown,
    PrimaryHealthChanged,
    RedirectionChanged,
    SelectNodes,
    ExplainSelection,
    RehearseSelection,
    DrainNode,
    UndrainNode,
    CloseSession,
    SessionState,
    PathReported,
    SessionChanged,
    SessionPathChanged,
    MessageRejected,
    SignInRefused,
    WebhookStateChanged,
    WebhookDeliveryFailed,
    ReadWebhooksProgress,
)
