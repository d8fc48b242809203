"""The guards of the relay against those who measure it, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

RELAY: Final = ("tests/unit/relay",)
CRYPTO: Final = ("tests/unit/crypto",)
PROBES: Final = "services.relay.core.probing"
PAIRING: Final = "services.relay.core.pairing"
HELLO: Final = "services.relay.data_plane.hello"
PROVEN: Final = "shared.crypto.proven"

PROBING: Final = (
    Mutant(
        "a connection has pings without end",
        PROBES,
        "probe.pings > PINGS_PER_CONNECTION",
        "False",
        RELAY,
    ),
    Mutant(
        "all connections have pings without end",
        PROBES,
        "self._answered > PINGS_PER_SECOND",
        "False",
        RELAY,
    ),
    Mutant(
        "any number of connections measure",
        PROBES,
        "len(self._probes) >= MOST_PROBING_CONNECTIONS",
        "False",
        RELAY,
    ),
    Mutant(
        "a connection measures without an end", PAIRING, "self._probing.expired(now)", "()", RELAY
    ),
    Mutant(
        "a connection that measured gets a path",
        PAIRING,
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
