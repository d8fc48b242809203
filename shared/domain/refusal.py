"""Decides which errors of PostgreSQL are refusals of a server that is sick.

A server that answers and refuses will refuse the next write too: its disk is full, or broken, or it
is read only. One that cannot be reached or does not answer may be well in a moment. Only whoever
judges a master's fitness tells them apart; for everybody else both are `StoreUnavailable`.
"""

from typing import Final

from shared.domain.errors import StoreUnavailable

NO_REFUSALS: Final = (
    # The connection, the login, the database's name; an operator's shutdown, a restart, a cancelled
    # statement; more connections than there are places.
    *("08", "28", "3D", "57", "53300"),
    # The statement's own fault, another's lock or a rule of ours: the server is in order.
    *("22", "23", "40", "54", "55P03", "P0"),
)
"""How the SQLSTATE begins of errors that say nothing about whether the server can write.

PostgreSQL's manual, appendix A. All others do: 53 (disk full, out of memory), 58 (I/O error), XX
(corrupted data), 25006 (read only), 42 (a right that was taken away) and what is not known.
"""


class StoreRefused(StoreUnavailable):
    """The database answered and refused; outside this process it is a `StoreUnavailable`."""


def is_refusal(sqlstate: str | None) -> bool:
    """Say whether the server refuses by *sqlstate*; None is an error that no server reported."""
    return bool(sqlstate) and not str(sqlstate).startswith(NO_REFUSALS)
