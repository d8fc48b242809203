"""Decides a session's first path by the address that all relays share (`ip_anycast`).

Only the network knows which relay is near to an end that connects to the shared address. So the
first end alone gets that address, with a ticket that names no node. The relay that it reaches
answers WAIT with its name; the end passes the name on, and **from then on the path is that node's,
by the node's own address**: the other end goes there, and so does every resume. Until then the
alternates are held back, because an end that already has a path would not wait for the better one.
When the shared address leads nowhere, the alternates are the only paths.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.gateway.sessions.core.session import SessionStep, next_phase
from shared.documents.node import Address, NodeDocument
from shared.domain.errors import NotFound
from shared.domain.ids import NodeId, PathGeneration, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import SharedAddress
from shared.domain.session import SessionPhase
from shared.events.session import PathOffer, SessionState, SharedPath


@dataclass(frozen=True, slots=True)
class ReachedNode:
    """The *node* that the end at *side* reached by the shared address of *generation*."""

    side: Side
    generation: PathGeneration
    node: NodeId
    address: Address


def reached_node(
    nodes: Mapping[NodeId, NodeDocument], side: Side, generation: PathGeneration, node: NodeId
) -> ReachedNode:
    """Take the end's report that it reached *node*; the address comes from the site's documents.

    Raises:
        NotFound: the site has no relay of that name that others could reach.
    """
    document = nodes.get(node)
    if document is None or document.public_address is None:
        raise NotFound(f"the site has no relay {node} that others could reach")
    return ReachedNode(side, generation, node, document.public_address)


def with_shared_path(
    before: SessionState, placed: SessionState, address: SharedAddress, first: Side
) -> SessionState:
    """Put *address* for the *first* end in front of the paths that *placed* adds to *before*."""
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


def with_named_node(state: SessionState, reached: ReachedNode, now: UnixMillis) -> SessionState:
    """Replace the shared path by a path to the node that was *reached*, then the alternates.

    A report changes nothing when it comes from the other end, when a node was named before, or
    when the shared path was given up meanwhile.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    shared = state.shared_path
    if shared is None or (shared.first, shared.generation) != (reached.side, reached.generation):
        return state
    next_phase(state, SessionStep.NAME_NODE, now)
    path = PathOffer(
        node=reached.node,
        host=reached.address.host,
        port=reached.address.port,
        generation=reached.generation,
    )
    others = (each for each in shared.alternates if each.node != reached.node)
    return state.model_copy(update={"paths": (*state.paths, path, *others), "shared_path": None})


def without_shared_path(state: SessionState, now: UnixMillis) -> SessionState:
    """Give the shared path up, because an end reached nobody by it; the alternates remain."""
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
