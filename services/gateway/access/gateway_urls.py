"""Lists the addresses of the site's gateways, as clients are given them."""

from typing import Annotated

from fastapi import Depends

from services.gateway.http.provided import provided
from shared.domain.ids import NodeId
from shared.runtime.directory import Directory


class GatewayUrls:
    """The URL of every gateway that the site's nodes name."""

    def __init__(self, node: NodeId, directory: Directory) -> None:
        self._node = node
        self._directory = directory

    def all(self) -> list[str]:
        """Return the URLs, this node's own first."""
        urls = {
            node: document.gateway_url
            for node, document in self._directory.nodes.items()
            if document.gateway_url
        }
        return [url for _, url in sorted(urls.items(), key=lambda item: item[0] != self._node)]


TheGatewayUrls = Annotated[GatewayUrls, Depends(provided(GatewayUrls))]
