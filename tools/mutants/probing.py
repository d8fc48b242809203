"""The guards of the relay's port, each broken once: who gets a slot, and who measures."""

from typing import Final

from tools.mutants.mutant import Mutant

RELAY: Final = ("tests/unit/relay",)
CRYPTO: Final = ("tests/unit/crypto",)
PROBES: Final = "services.relay.core.probing"
ARRIVALS: Final = "services.relay.core.arrivals"
SLOTS: Final = "services.relay.core.slots"
WAITING: Final = "services.relay.core.waiting"
HELLO: Final = "services.relay.data_plane.hello"
PROVEN: Final = "shared.crypto.proven"

PROBING: Final = (
    Mutant(
        "a connection has pings without end",
        PROBES,
        "before + pings > PINGS_PER_CONNECTION",
        "False",
        RELAY,
    ),
    Mutant(
        "all connections have pings without end",
        PROBES,
        "self._answered + pings > PINGS_PER_SECOND",
        "False",
        RELAY,
    ),
    Mutant(
        "one network has every ping of a second",
        PROBES,
        "self._answered_by_source[source] + pings > PINGS_PER_SECOND_OF_SOURCE",
        "False",
        RELAY,
    ),
    Mutant("slots have no end", SLOTS, "len(self._slots) >= self.limits.total", "False", RELAY),
    Mutant(
        "one source holds any number of slots",
        SLOTS,
        "if len(own) >= self.limits.per_source or (",
        "if (",
        RELAY,
    ),
    Mutant(
        "a source loses a slot to one that holds as many",
        SLOTS,
        "is_full and 0 < len(own) == self._most",
        "False",
        RELAY,
    ),
    Mutant(
        "the oldest of all loses its slot, whoever holds most",
        SLOTS,
        "return self.longest_held_of_largest() if is_full else None",
        "return next(iter(self._slots)) if is_full else None",
        RELAY,
    ),
    Mutant(
        "a client behind a load balancer is not counted",
        ARRIVALS,
        "return _displace(self._silent.move(connection, source))",
        "return ()",
        RELAY,
    ),
    Mutant(
        "a session waits with any number of generations",
        WAITING,
        "len(own) >= WAITING_PER_SESSION",
        "False",
        RELAY,
    ),
    Mutant(
        "a connection measures without an end", ARRIVALS, "self._probing.expired(now)", "()", RELAY
    ),
    Mutant(
        "a connection that measured gets a path",
        ARRIVALS,
        "        if self._probing.forget(connection):\n            return",
        "        if False:\n            return",
        RELAY,
    ),
    Mutant(
        "one probe ticket is good for all pings beside it",
        HELLO,
        "for ticket in {ping.ticket for ping in pings}:",
        "for ticket in {ping.ticket for ping in pings[:1]}:",
        RELAY,
    ),
    Mutant(
        "a probe ticket opens a path",
        PROVEN,
        "own = purpose is not Purpose.PATH",
        "own = False",
        CRYPTO,
    ),
)
