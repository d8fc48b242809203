"""A session's first path by the address that all relays share (`ip_anycast`).

The network knows which relay is near to whoever connects, and tells it to nobody else. So the first
end alone gets the shared address, with a ticket that names no node. The relay that it reaches
answers WAIT with its name; the end passes that on, and **from then on the path is that node's, by
the node's own address**: the other end goes there, and so does every resume. Alternates are held
back until then, because an end that already has a path would not wait for the better one.
When the shared address leads nowhere, the alternates are all that there is.
"""

from dataclasses import dataclass

from services.gateway.core.session import require_running
from shared.documents.node import Address
from shared.domain.ids import NodeId, PathGeneration, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import SharedAddress
from shared.domain.session import SessionPhase
from shared.events.session import PathOffer, SessionState, SharedPath


@dataclass(frozen=True, slots=True)
class Found:
    """What the end at *side* found behind the shared address of *generation*: *node*'s relay."""

    side: Side
    generation: PathGeneration
    node: NodeId
    address: Address


def shared_out(
    before: SessionState, placed: SessionState, address: SharedAddress, first: Side
) -> SessionState:
    """*placed*, made of *before*, with *address* for the *first* end in front of its new paths."""
    path = SharedPath(
        host=address.host,
        port=address.port,
        generation=placed.next_generation,
        first=first,
        alternates=placed.paths[len(before.paths) :],
    )
    return placed.model_copy(
        update={
            "paths": before.paths,
            "next_generation": PathGeneration(path.generation + 1),
            "shared_path": path,
        }
    )


def named(state: SessionState, found: Found, now: UnixMillis) -> SessionState:
    """The state in which the shared path leads to the node that was *found*.

    Who is not the first end, names a node a second time or one of a path that was given up changes
    nothing.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    shared = state.shared_path
    if shared is None or (shared.first, shared.generation) != (found.side, found.generation):
        return state
    require_running(state, now)
    path = PathOffer(
        node=found.node,
        host=found.address.host,
        port=found.address.port,
        generation=found.generation,
    )
    others = (each for each in shared.alternates if each.node != found.node)
    return state.model_copy(update={"paths": (*state.paths, path, *others), "shared_path": None})


def given_up(state: SessionState, now: UnixMillis) -> SessionState:
    """The state without the shared path: an end reached nobody by it, so the alternates count."""
    shared = state.shared_path
    if shared is None or state.phase is not SessionPhase.ACTIVE:
        return state
    return state.model_copy(
        update={
            "paths": (*state.paths, *shared.alternates),
            "shared_path": None,
            "placed_unix_ms": now,
        }
    )
