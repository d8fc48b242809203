"""The site's own document: how it selects, fails over and keeps its changes."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.documents.document import Document
from shared.documents.redirection import Redirection

Seconds = Annotated[float, Field(gt=0)]


class SelectionMethod(StrEnum):
    """How a traffic node is chosen among those that may take the client."""

    RANDOM = "random"
    TIMEZONE_OFFSET = "timezone_offset"
    LEAST_LOAD = "least_load"
    CONSISTENT = "consistent"


class Durability(StrEnum):
    """Whom an accepted change waits for.

    `synchronous` waits for the backup and goes on without it once the log says so;
    `strict` takes no change without it.
    """

    SYNCHRONOUS = "synchronous"
    STRICT = "strict"


class Selection(Document):
    """Which method chooses, and what happens when no traffic node may take a client.

    Once *panic_threshold_percent* of all relays are silent, silence is not believed; 0: always is.
    """

    method: SelectionMethod = SelectionMethod.RANDOM
    maximum_client_fallback_to_primary: int = Field(default=10, ge=0)
    panic_threshold_percent: int = Field(default=90, ge=0, le=100)


class Failover(Document):
    """What the backup master is allowed to do by itself."""

    automatic: bool = True
    backup_operations: bool = True
    probe_targets: tuple[str, ...] = ()


class Replication(Document):
    """How an accepted change is kept."""

    durability: Durability = Durability.SYNCHRONOUS
    sync_timeout_seconds: Seconds = 2.0


class SessionLimits(Document):
    """What one session may take."""

    bytes_per_second: int = Field(default=0, ge=0)
    idle_seconds: int = Field(default=0, ge=0)
    ticket_lifetime_seconds: int = Field(default=86_400, ge=60, le=604_800)
    waiting_seconds: int = Field(default=3_600, ge=60)


class Timing(Document):
    """How often nodes speak and when silence is taken for absence, in seconds."""

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


class SiteDocument(Document):
    """What one site promises and how it behaves."""

    name: str = Field(min_length=1, max_length=253)
    selection: Selection = Selection()
    failover: Failover = Failover()
    redirection: Redirection = Redirection()
    replication: Replication = Replication()
    session: SessionLimits = SessionLimits()
    timing: Timing = Timing()
