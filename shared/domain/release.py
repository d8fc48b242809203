"""Compares the releases that nodes run.

A version is `major.minor.patch`. Releases with one major number read each other's entries and
serve one site together, so nodes are upgraded one at a time. A newer major release may write what
an older one cannot read.
"""

import re
from typing import Final

from shared.decoding.text import to_integer

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


def are_compatible(version: str, other: str) -> bool:
    """Tell whether nodes of these two versions may serve one site: the major parts are equal."""
    return _major(version) == _major(other)


def is_newer_major(version: str, than: str) -> bool:
    """Tell whether *version* has a larger major number; without numbers nothing is newer."""
    ours, theirs = _major(version), _major(than)
    if not (_NUMBER.fullmatch(ours) and _NUMBER.fullmatch(theirs)):
        return False
    return to_integer(ours) > to_integer(theirs)


def _major(version: str) -> str:
    return version.partition(".")[0]
