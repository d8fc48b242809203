"""Decides whether this master may replace another: a master of an older release must not.

A newer major release may have written what an older one cannot read (`shared.domain.release`): the
older one takes no role over.
"""

from shared.domain.ids import NodeId
from shared.domain.release import is_newer_major


class OtherReleases:
    """The releases of the other masters, as their last heartbeats named them."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._others: dict[NodeId, str] = {}

    def record(self, node: NodeId, version: str) -> None:
        self._others[node] = version

    def obstacles(self) -> tuple[str, ...]:
        """List why this master's release bars it from replacing another master."""
        newer = [
            (node, version)
            for node, version in sorted(self._others.items())
            if is_newer_major(version, than=self._own)
        ]
        return tuple(
            f"it runs version {self._own} and {node} runs {version}; upgrade it"
            for node, version in newer
        )
