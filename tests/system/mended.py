"""How a test says that a fault which was mended is there again.

A test marked `mends(sign=...)` speaks to processes by wire, files and command line only, so that it
can be run against a commit from before the mend (`make shown-faults`). There it must fail, and by
`FaultShown` with the sign that its position declares: a failure of any other kind shows nothing.
"""

from typing import Final, Literal, get_args

Sign = Literal["process ended", "stream gone", "reply wrong"]
SIGNS: Final[tuple[Sign, ...]] = get_args(Sign)


class FaultShown(AssertionError):
    """The fault is there; *sign* says by what it shows itself."""

    def __init__(self, sign: Sign, what: str) -> None:
        assert sign in SIGNS, f"{sign!r} is none of {', '.join(SIGNS)}"
        super().__init__(f"{sign}: {what}")
        self.sign = sign


def require(holds: bool, sign: Sign, what: str) -> None:
    """Raise `FaultShown` with *sign* unless *holds*."""
    if not holds:
        raise FaultShown(sign, what)
