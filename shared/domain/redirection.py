"""How leading the site's address to the primary stands."""

from enum import StrEnum


class RedirectionState(StrEnum):
    """`none` while a master has nothing to lead; `failing` is tried again until it works."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"
    FAILING = "failing"
