"""Decides whether a session may be pinned to a node: it must be a traffic node of the site.

The node selector decides later whether that node can take the session.
"""

from collections.abc import Mapping
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
