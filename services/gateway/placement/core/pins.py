"""Decides which names of nodes a session's pin and a rehearsal may use: those of the site.

The node selector decides later whether a pinned node can take the session.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.documents.node import NodeDocument
from shared.domain.errors import NotFound
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

NAMED_NODES: Final = 10
"""A refusal names so many of the site's traffic nodes."""


def require_traffic_node(nodes: Mapping[NodeId, NodeDocument], wanted: NodeId) -> NodeId:
    """Return *wanted*, if the site has a traffic node of that name.

    Raises:
        NotFound: it has none; the message names those that it has.
    """
    names = sorted(node for node, document in nodes.items() if document.role is NodeRole.TRAFFIC)
    if wanted in names:
        return wanted
    shown = ", ".join(names[:NAMED_NODES]) or "none"
    more = f" and {len(names) - NAMED_NODES} more" if len(names) > NAMED_NODES else ""
    raise NotFound(
        f"there is no traffic node {wanted!r}; the site has {shown}{more}", kind="node", id=wanted
    )


def require_nodes(known: Mapping[NodeId, NodeDocument], wanted: Iterable[NodeId]) -> None:
    """Let names of nodes pass.

    Raises:
        NotFound: there is none of such a name.
    """
    for node in wanted:
        if node not in known:
            raise NotFound(f"there is no node {node!r}: {', '.join(sorted(known))}", id=node)
