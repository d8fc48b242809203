"""The places of everything in a site's state folder."""

from pathlib import Path
from typing import Final

CONTROL: Final = "control"
LINK_PROXY: Final = "link_proxy"
DOCUMENTS: Final = "founding.json"
UNFINISHED: Final = "unfinished"
"""The mark of a start that has not come to its end; a site that was complete once has none."""

ENTRIES: Final = frozenset(
    {
        *("logs", "secrets", "nodes", "nats", "postgres", "programs"),
        *(CONTROL, LINK_PROXY, DOCUMENTS, "site.json.new"),
    }
)
"""All that a start makes in the state folder before the site is complete."""


class StatePaths:
    """The places in the folder *state*."""

    state: Path

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def link_proxy(self) -> Path:
        """The socket over which the link proxy takes orders."""
        return self.state / LINK_PROXY

    @property
    def control(self) -> Path:
        """The socket over which a running `meridian up` takes orders."""
        return self.state / CONTROL

    def secret(self, name: str) -> Path:
        return self.state / "secrets" / name

    def log(self, node: str, service: str) -> Path:
        return self.logs / f"{node}.{service}.log"

    def node_folder(self, node: str) -> Path:
        return self.state / "nodes" / node

    def nats_folder(self, node: str) -> Path:
        return self.state / "nats" / node

    def postgres_folder(self, node: str) -> Path:
        return self.state / "postgres" / node
