"""Queues: customers arrive at a public site, members of the team take them."""

from pydantic import Field, TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel
from shared.api.sessions import EndpointFacts, RepresentativeFacts, SessionCredentials
from shared.domain.ids import SessionId


class ArrivalRequest(ApiModel):
    """Names the public site and team where a customer arrives, and the customer's display name.

    Without *public_site* the host name of the request says which.
    """

    public_site: str | None = Field(default=None, max_length=253)
    team: str | None = Field(default=None, max_length=200)
    customer: str = Field(default="", max_length=200)
    facts: EndpointFacts = EndpointFacts()


class WaitingCustomer(ApiModel):
    """A customer who waits in a queue."""

    session: SessionId
    team: str
    public_site: str
    customer: str
    address: str
    since_unix_ms: int


def arrive(request: ArrivalRequest) -> Call[SessionCredentials]:
    """Arrive at a public site, and wait there."""
    return Call("POST", "/queue", TypeAdapter(SessionCredentials), request)


def list_waiting(team: str | None = None) -> Call[tuple[WaitingCustomer, ...]]:
    """List who waits for the caller's teams, or for one *team*, in the order of arrival."""
    path = path_of("queue", team=team) if team else path_of("queue")
    return Call("GET", path, TypeAdapter(tuple[WaitingCustomer, ...]))


def accept_customer(session: str, facts: RepresentativeFacts) -> Call[SessionCredentials]:
    """Take the customer of *session* out of the queue."""
    path = path_of("queue", session, "accept")
    return Call("POST", path, TypeAdapter(SessionCredentials), facts)
