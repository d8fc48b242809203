"""Issues a relay ticket for each path of a session."""

from shared.crypto.keyring import KeyRing
from shared.crypto.tickets import issue_ticket
from shared.documents.site import SessionLimits
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.node import Side
from shared.domain.path import Path
from shared.domain.ticket import Ticket, TicketLimits
from shared.events.session import PathOffer, SessionState, SharedPath


class Tickets:
    """Issues tickets, sealed with the site's key."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    def paths(self, state: SessionState, side: Side, limits: SessionLimits) -> tuple[Path, ...]:
        """Return the session's paths with tickets for *side*, in the order of their choice."""
        allowed = TicketLimits(limits.bytes_per_second, limits.idle_seconds)
        expires = UnixMillis(state.expires_unix_ms)

        def path(node: NodeId | None, way: PathOffer | SharedPath) -> Path:
            ticket = Ticket(state.session, side, node, way.generation, expires, allowed)
            text = issue_ticket(self._keyring.current, ticket)
            return Path(node, way.host, way.port, way.generation, text)

        shared = state.shared_path
        mine = () if shared is None or shared.first is not side else (path(None, shared),)
        return (*mine, *(path(offer.node, offer) for offer in state.paths))
