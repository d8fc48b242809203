"""Whether this master may follow the others: one of an older release must not.

Releases of one major number read each other's entries, so nodes are upgraded one at a time. A
newer major release may have written what an older one cannot read: that one takes no role over.
"""

import re
from typing import Final

from shared.decoding.text import to_integer
from shared.domain.ids import NodeId

_MAJOR: Final = re.compile(r"([0-9]{1,9})\.")


class Versions:
    """What the other masters run, as they last said it."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._others: dict[NodeId, str] = {}

    def heard(self, node: NodeId, version: str) -> None:
        self._others[node] = version

    def obstacles(self) -> tuple[str, ...]:
        """Why this master's release bars it from replacing another master."""
        mine = _major(self._own)
        newer = [
            (node, version)
            for node, version in sorted(self._others.items())
            if mine is not None and (_major(version) or 0) > mine
        ]
        return tuple(
            f"it runs version {self._own} and {node} runs {version}; upgrade it"
            for node, version in newer
        )


def _major(version: str) -> int | None:
    """The first number of *version*; None when it has none, which bars nobody."""
    found = _MAJOR.match(version)
    return None if found is None else to_integer(found[1])
