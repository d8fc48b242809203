"""The progress of the redirection of the site's address to the primary."""

from dataclasses import dataclass
from enum import StrEnum


class RedirectionState(StrEnum):
    """`none` while a master has nothing to redirect; `failing` is tried again until it succeeds."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class RedirectionStatus:
    """The redirection of the site's address to a master; *code* and *cause* say why it fails."""

    state: RedirectionState = RedirectionState.NONE
    attempts: int = 0
    code: str = ""
    cause: str = ""
