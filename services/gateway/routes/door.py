"""What every route is handed: the gateway's parts, and who is calling."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.requests import HTTPConnection

from services.gateway.accounts import Accounts
from services.gateway.apply import Editor
from services.gateway.backups import Backups
from services.gateway.conflicts import MastersConflicts
from services.gateway.core.access import Action, Caller
from services.gateway.core.attempts import Attempts
from services.gateway.core.observed import Observed
from services.gateway.proposals import Configuration
from services.gateway.sessions import Sessions
from services.gateway.view import SessionsView
from shared.decoding.errors import Undecodable
from shared.decoding.text import to_integer
from shared.documents.site import SiteDocument
from shared.domain.errors import InvalidChange, Unauthenticated, Unavailable
from shared.domain.ids import NodeId, RequestId, Revision
from shared.messaging.ports import Asks, Emits
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway's parts, as the routes use them."""

    node: NodeId
    clock: Clock
    publisher: Asks
    events: Emits
    configuration: Configuration
    directory: Directory
    accounts: Accounts
    editor: Editor
    sessions: Sessions
    view: SessionsView
    observed: Observed
    grant: GrantHolder
    health: Health
    containment: Containment
    guesses: Attempts
    arrivals: Attempts
    probes: Attempts
    webhook_secret: Callable[[str, int], bytes]
    conflicts: MastersConflicts
    backups: Backups

    def site(self) -> SiteDocument:
        """The site's settings.

        Raises:
            Unavailable: they were not read yet.
        """
        site = self.directory.site
        if site is None:
            raise Unavailable("the site's settings were not read yet", retry_after_seconds=1)
        return site

    def gateways(self) -> tuple[str, ...]:
        """Where the site's front doors are, this one first."""
        urls = {
            node: document.gateway_url
            for node, document in self.directory.nodes.items()
            if document.gateway_url
        }
        return tuple(url for _, url in sorted(urls.items(), key=lambda item: item[0] != self.node))


def the_door(connection: HTTPConnection) -> Door:
    door: Door = connection.app.state.door
    return door


TheDoor = Annotated[Door, Depends(the_door)]


def bearer(connection: HTTPConnection) -> str:
    """The token that came with the request.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("sign in first: no bearer token came with the request")
    return token


def the_caller(door: TheDoor, token: Annotated[str, Depends(bearer)]) -> Caller:
    return door.accounts.caller(token)


TheCaller = Annotated[Caller, Depends(the_caller)]


def client_address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


ClientAddress = Annotated[str, Depends(client_address)]


def request_id(
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> RequestId:
    """The caller's own name for the change, or a new one."""
    return RequestId(idempotency_key or secrets.token_hex(16))


TheRequestId = Annotated[RequestId, Depends(request_id)]


def expected_revision(
    if_match: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Revision | None:
    """The revision that the caller saw: `If-Match: "7"`; 0 for `If-None-Match: *`.

    Raises:
        InvalidChange: the header is no entity tag of ours.
    """
    if if_none_match is not None and if_none_match.strip() == "*":
        return Revision(0)
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    try:
        return Revision(to_integer(tag))
    except Undecodable as error:
        raise InvalidChange(
            f"If-Match: {if_match} is no entity tag of this site", field="If-Match"
        ) from error


@dataclass(frozen=True, slots=True)
class Edit:
    """One write: who asks, under which request id, and which revision was seen."""

    caller: Caller
    request_id: RequestId
    expected: Revision | None

    @property
    def request(self) -> tuple[RequestId, str]:
        return self.request_id, self.caller.user


def the_edit(
    caller: TheCaller,
    request_id: TheRequestId,
    expected: Annotated[Revision | None, Depends(expected_revision)],
) -> Edit:
    """A write by somebody who may change the configuration.

    Raises:
        Forbidden: the role does not allow it.
    """
    caller.require(Action.CONFIGURE)
    return Edit(caller, request_id, expected)


TheEdit = Annotated[Edit, Depends(the_edit)]
