"""Sessions: opened and closed by representatives, joined by customers."""

from collections.abc import Iterable
from typing import Final, Self

from pydantic import Field, TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel, NodeName
from shared.domain.ids import NODE_ID_PATTERN, NodeId, SessionId
from shared.domain.session import CloseReason, SessionPhase

MOST_MEASUREMENTS: Final = 64
LONGEST_SECONDS: Final = 10_000_000.0
"""No session lives longer than a week; what an end computes with is bounded."""


class EndpointFacts(ApiModel):
    """The facts that an endpoint reports of itself, trusted no further than to rank nodes.

    *latency_ages_seconds* says how long ago something was measured, *last_node* by which node its
    session before went.
    """

    utc_offset_minutes: float | None = None
    latencies_ms: dict[str, float] = Field(default_factory=dict, max_length=MOST_MEASUREMENTS)
    latency_ages_seconds: dict[str, float] = Field(
        default_factory=dict, max_length=MOST_MEASUREMENTS
    )
    last_node: str | None = Field(default=None, pattern=f"^{NODE_ID_PATTERN}$")


class RepresentativeFacts(EndpointFacts):
    """The facts of a representative, who may also ask for one *node*."""

    node: NodeName | None = None


class SessionCredentials(ApiModel):
    """The data that an endpoint needs to hold its control channel.

    *team* and *public_site* say where the customer of a session from a queue arrived; such a
    session has no words. *seconds_left* is the lifetime that was left when the site answered.
    """

    session: SessionId
    endpoint_token: str
    expires_unix_ms: int
    seconds_left: float | None = Field(default=None, ge=0, le=LONGEST_SECONDS)
    gateways: tuple[str, ...] = ()
    team: str | None = None
    public_site: str | None = None

    @property
    def is_from_queue(self) -> bool:
        return self.team is not None

    def by_clock(self, now_unix_ms: int) -> Self:
        """Return a copy that expires by another clock, which shows *now_unix_ms* as it arrives."""
        if self.seconds_left is None:
            return self
        expires = now_unix_ms + round(self.seconds_left * 1000)
        return self.model_copy(update={"expires_unix_ms": expires, "seconds_left": None})

    def with_gateways(self, known: Iterable[str]) -> Self:
        """Return a copy that adds the gateways *known* before, in case its own do not answer."""
        urls = (url.rstrip("/") for url in self.gateways)
        return self.model_copy(update={"gateways": tuple(dict.fromkeys((*known, *urls)))})


class SessionSummary(ApiModel):
    """A session as a list shows it; *close_message* is the sentence for *close_reason*."""

    session: SessionId
    phase: SessionPhase
    representative: str
    opened_unix_ms: int
    expires_unix_ms: int
    customer_address: str | None
    nodes: tuple[NodeId, ...]
    explanation: tuple[str, ...]
    close_reason: CloseReason | None = None
    close_message: str = ""


def open_session(facts: RepresentativeFacts) -> Call[SessionCredentials]:
    """Open a session; its nameplate is the first part of the session key."""
    return Call("POST", "/sessions", TypeAdapter(SessionCredentials), facts)


def list_sessions() -> Call[tuple[SessionSummary, ...]]:
    """The sessions that are not over."""
    return Call("GET", "/sessions", TypeAdapter(tuple[SessionSummary, ...]))


def join_session(session: SessionId, facts: EndpointFacts) -> Call[SessionCredentials]:
    """Arrive as the customer of *session*."""
    path = path_of("sessions", session, "join")
    return Call("POST", path, TypeAdapter(SessionCredentials), facts)


def close_session(session: str) -> Call[SessionSummary]:
    """End *session*."""
    return Call("DELETE", path_of("sessions", session), TypeAdapter(SessionSummary))
