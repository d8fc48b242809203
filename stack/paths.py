"""The places of everything in a site's state folder."""

from pathlib import Path
from typing import Final

CONTROL: Final = "control"


class StatePaths:
    """The places in the folder *state*."""

    state: Path

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def link_proxy(self) -> Path:
        """The socket over which the link proxy takes orders."""
        return self.state / "link_proxy"

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
