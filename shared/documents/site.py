"""The site's own document: how it selects nodes, fails over and keeps its changes."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.documents.body import DocumentBody, written_as
from shared.documents.hosts import place
from shared.documents.redirection import Redirection
from shared.documents.selection import Selection

Seconds = Annotated[float, Field(gt=0)]


class Durability(StrEnum):
    """Names the masters that must have a change before it is acknowledged.

    `synchronous` waits for the backup and goes on without it once the log records that;
    `strict` takes no change without it.
    """

    SYNCHRONOUS = "synchronous"
    STRICT = "strict"


class Failover(DocumentBody):
    """The actions that the backup master may take by itself."""

    automatic: bool = True
    backup_operations: bool = True
    probe_targets: tuple[Annotated[str, written_as(place)], ...] = ()


class Replication(DocumentBody):
    """The rules for keeping an accepted change."""

    durability: Durability = Durability.SYNCHRONOUS
    sync_timeout_seconds: Seconds = 2.0


class SessionLimits(DocumentBody):
    """The limits of one session."""

    bytes_per_second: int = Field(default=0, ge=0)
    idle_seconds: int = Field(default=0, ge=0)
    ticket_lifetime_seconds: int = Field(default=86_400, ge=60, le=604_800)
    waiting_seconds: int = Field(default=3_600, ge=60)


class Timing(DocumentBody):
    """Times in seconds: how often nodes report, and when silence is taken for absence."""

    heartbeat_seconds: Seconds = 0.5
    suspect_after_seconds: Seconds = 1.5
    dead_after_seconds: Seconds = 3.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.heartbeat_seconds < self.suspect_after_seconds < self.dead_after_seconds:
            raise ValueError(
                "heartbeat_seconds < suspect_after_seconds < dead_after_seconds must hold"
            )
        return self


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a name holds no control characters and none that turn the direction")
    return text


class SiteDocument(DocumentBody):
    """The promises and the behaviour of one site."""

    name: Annotated[str, Field(min_length=1, max_length=253), written_as(_printable)]
    selection: Selection = Selection()
    failover: Failover = Failover()
    redirection: Redirection = Redirection()
    replication: Replication = Replication()
    session: SessionLimits = SessionLimits()
    timing: Timing = Timing()
