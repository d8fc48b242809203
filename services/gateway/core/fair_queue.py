"""Decides whose work is next: privileged work first, and then one of each source in turn.

A source that queues much work delays its own; the others wait for one piece of it at a time
(round robin, as Nagle's RFC 970 proposes for packets).
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """The source that work comes from, and whether it goes before the work of others."""

    source: str
    is_privileged: bool = False


class FairQueue(Generic[T]):
    """Work that waits."""

    def __init__(self) -> None:
        self._privileged: OrderedDict[str, deque[T]] = OrderedDict()
        self._others: OrderedDict[str, deque[T]] = OrderedDict()

    def push(self, work: T, origin: Origin) -> None:
        """Queue *work* behind what came from the same source."""
        sources = self._privileged if origin.is_privileged else self._others
        sources.setdefault(origin.source, deque()).append(work)

    def pop(self) -> T | None:
        """Remove the work that is next and return it; None when there is none."""
        sources = self._privileged or self._others
        if not sources:
            return None
        source, works = sources.popitem(last=False)
        work = works.popleft()
        if works:
            sources[source] = works
        return work
