"""What operators do is told, however it ends: the history of the site's status keeps it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from services.gateway.routes.door import Door
from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events.operation import OperationEnded


@contextmanager
def told(door: Door, operation: str, author: str, nodes: Sequence[NodeId] = ()) -> Generator[None]:
    """Tell how *operation*, which is the block, ended; its refusal goes on to the caller."""
    ended = OperationEnded(operation=operation, author=author, nodes=tuple(nodes))
    try:
        yield
    except MeridianError as error:
        tell_failure(door, ended, error)
        raise
    door.events.emit(ended)


def tell_failure(door: Door, ended: OperationEnded, error: MeridianError) -> None:
    """Tell that the operation could not be carried out, and why."""
    failure = {"failed": True, "code": error.code, "cause": error.message}
    door.events.emit(ended.model_copy(update=failure))
