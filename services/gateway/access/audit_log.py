"""Emits one event for each operation of an operator, whether it succeeded or failed.

The replication service of each master stores these events as the site's status history.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events.operation import OperationEnded
from shared.messaging.ports import Emits


class AuditLog:
    """Emits how each operation ended."""

    def __init__(self, events: Emits) -> None:
        self._events = events

    @contextmanager
    def record(self, operation: str, author: str, nodes: Sequence[NodeId] = ()) -> Generator[None]:
        """Emit how *operation*, which is the block, ended; its error goes on to the caller."""
        ended = OperationEnded(operation=operation, author=author, nodes=tuple(nodes))
        try:
            yield
        except MeridianError as error:
            failure = {"failed": True, "code": error.code, "cause": error.message}
            self._events.emit(ended.model_copy(update=failure))
            raise
        self._events.emit(ended)
