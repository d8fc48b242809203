"""Decides which errors end a process, and which end only the piece of work that raised them.

One law for services and clients: a worker that serves one receiver, peer, client, session or
lookup contains its own faults. Only a broken invariant of ours, or a setting that cannot be used,
ends the process; cancellation is neither and is never held up.
"""

from typing import Final, cast

from shared.domain.errors import BadSettings, MeridianError

LONGEST_CAUSE: Final = 500
"""Characters of a cause; a receiver, a server or a peer may have written most of it."""


def ends_process(error: BaseException) -> bool:
    """Say whether *error*, or one of a group of errors, is ours and must end the process."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return any(ends_process(each) for each in group.exceptions)
    return isinstance(error, AssertionError | BadSettings)


def cause_of(error: BaseException) -> str:
    """Say in one sentence what *error* was, short enough for an event."""
    if isinstance(error, MeridianError):
        return shorten(error.message)
    return shorten(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def describe_error(error: BaseException) -> str:
    """The words of *error*, or the name of its type where it has none."""
    return str(error) or type(error).__name__


def shorten(cause: str) -> str:
    """Return *cause*, or its first 500 characters with a mark that there was more."""
    return cause if len(cause) <= LONGEST_CAUSE else f"{cause[: LONGEST_CAUSE - 1]}\u2026"
