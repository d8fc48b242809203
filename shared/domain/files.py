"""Says in one sentence why a file or folder that somebody named cannot be used, and what to do."""

import errno
from collections.abc import Mapping
from typing import Final

from shared.decoding.text import one_line

LONGEST_SHOWN: Final = 300

REMEDIES: Final[Mapping[int, str]] = {
    errno.EACCES: "you may not use it: have its owner let you, or choose another",
    errno.EPERM: "you may not use it: have its owner let you, or choose another",
    errno.EROFS: "it lies on a read-only file system: choose another place",
    errno.ENOSPC: "there is no room left: free some, or choose another place",
    errno.EDQUOT: "there is no room left: free some, or choose another place",
    errno.ENOENT: "there is no such place: check its name",
    errno.EEXIST: "something of that name is there already: choose another name",
    errno.ENOTDIR: "it is a file or lies below one: name a folder",
    errno.EISDIR: "it is a folder: name a file",
    errno.ELOOP: "it is a symbolic link that leads in a circle: name the place itself",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
}


def describe_refusal(path: object, error: OSError) -> str:
    """Describe why the system refused *path* with *error*, and what somebody can do about it."""
    return f"{one_line(str(path), LONGEST_SHOWN)} cannot be used: {reason_of(error)}"


def reason_of(error: Exception) -> str:
    """Describe what *error* found wrong with a file or folder, and what to do about it."""
    match error:
        case UnicodeDecodeError():
            return "it is no UTF-8 text: save it as such, or choose another"
        case OSError():
            reason = (error.strerror or "the system refuses it").lower()
            return REMEDIES.get(error.errno or 0, f"{reason}: choose another")
        case _:
            return str(error)
