"""Remembers from which networks each user signed in.

Only a right password adds a network, so nobody else can fill the table. It is bounded all the same:
the network that a user has not used for longest goes first, and so does such a user.
"""

from collections import OrderedDict
from typing import Final

NETWORKS_PER_USER: Final = 16
USERS_KEPT: Final = 10_000


class KnownNetworks:
    """The networks from which each user signed in last."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def is_known(self, user: str, source: str) -> bool:
        """Say whether *user* signed in from *source* before."""
        return source in self._users.get(user, ())

    def add(self, user: str, source: str) -> None:
        """Note that *user* signed in from *source*."""
        networks = self._users.setdefault(user, OrderedDict())
        networks[source] = None
        networks.move_to_end(source)
        if len(networks) > NETWORKS_PER_USER:
            networks.popitem(last=False)
        self._users.move_to_end(user)
        if len(self._users) > USERS_KEPT:
            self._users.popitem(last=False)
