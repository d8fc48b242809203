"""Names and numbers of a cluster, each with a type of its own so that none is taken for another."""

import re
from typing import Final, NewType

ClusterId = NewType("ClusterId", str)
"""Random name of a site's cluster, made once by `init`; 16 hex digits."""

NodeId = NewType("NodeId", str)
"""A node's name, unique in its cluster; one token of a NATS subject."""

SessionId = NewType("SessionId", str)
"""A session's nameplate: decimal digits, unique while the session is remembered."""

Epoch = NewType("Epoch", int)
"""Fencing token; grows with each change of primary, 0 before the first."""

Revision = NewType("Revision", int)
"""Position in the cluster log: 1, 2, 3 and so on; 0 is the empty log."""

Sequence = NewType("Sequence", int)
"""JetStream's sequence of a message in its stream; 0 is "nothing read"."""

LogGeneration = NewType("LogGeneration", int)
"""Which incarnation of the cluster log; 1 at `init`, one more with every rebuild."""

PathGeneration = NewType("PathGeneration", int)
"""Number of one path of a session; no two paths of a session share one."""

Instant = NewType("Instant", float)
"""Seconds on this machine's clock that counts suspend (CLOCK_BOOTTIME); never sent to another."""

UnixMillis = NewType("UnixMillis", int)
"""Milliseconds since 1970-01-01 UTC, for people and for freshness; decides nothing else."""

LATEST_UNIX_MS: Final = 253_402_300_799_999
"""The end of the year 9999: no later time can be shown, or is believed."""

RequestId = NewType("RequestId", str)
"""A caller's name for one change, kept 30 days so that repeating it changes nothing twice."""

NODE_ID_PATTERN: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A DNS label in lower case: it stands in subjects, host names and file names alike."""

_NODE_ID: Final = re.compile(NODE_ID_PATTERN)
_NAMEPLATE: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


def parse_node_id(text: str) -> NodeId:
    """Read *text* as a node's name.

    Raises:
        ValueError: *text* is no DNS label in lower case.
    """
    if not _NODE_ID.fullmatch(text):
        raise ValueError(
            f"{text!r} is no node name: use 1 to 63 of a-z, 0-9 and '-', "
            "not beginning or ending with '-'"
        )
    return NodeId(text)


def parse_session_id(text: str) -> SessionId:
    """Read *text* as a session's nameplate.

    Raises:
        ValueError: *text* is not 1 to 20 decimal digits.
    """
    if not _NAMEPLATE.fullmatch(text):
        raise ValueError("a session's nameplate is digits alone, like 4821739")
    return SessionId(text)
