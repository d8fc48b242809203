"""Decides whether a session may be pinned to a node: it must be a traffic node of the site.

Whether that node can take the session in the end is the selector's to say: a pin is a wish.
"""

from collections.abc import Mapping
from typing import Final

from shared.documents.node import NodeDocument
from shared.domain.errors import NotFound
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

TOLD_NODES: Final = 10


def require_traffic_node(nodes: Mapping[NodeId, NodeDocument], asked: NodeId) -> NodeId:
    """*asked*, if the site has a traffic node of that name.

    Raises:
        NotFound: it has none; the sentence says which there are.
    """
    names = sorted(node for node, document in nodes.items() if document.role is NodeRole.TRAFFIC)
    if asked in names:
        return asked
    told = ", ".join(names[:TOLD_NODES]) or "none"
    more = f" and {len(names) - TOLD_NODES} more" if len(names) > TOLD_NODES else ""
    raise NotFound(
        f"there is no traffic node {asked!r}; the site has {told}{more}", kind="node", id=asked
    )
