"""The guards of the relay against those who measure it, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

RELAY: Final = ("tests/unit/relay",)
CRYPTO: Final = ("tests/unit/crypto",)
PROBES: Final = "services.relay.core.probing"
RECEPTION: Final = "services.relay.core.reception"
HELLO: Final = "services.relay.data_plane.hello"
PROVEN: Final = "shared.crypto.proven"

PROBING: Final = (
    Mutant(
        "a guest has pings without end", PROBES, "probe.pings > PINGS_PER_GUEST", "False", RELAY
    ),
    Mutant(
        "all guests have pings without end",
        PROBES,
        "self._answered > PINGS_PER_SECOND",
        "False",
        RELAY,
    ),
    Mutant(
        "any number of guests measure",
        PROBES,
        "len(self._probes) >= PROBING_GUESTS",
        "False",
        RELAY,
    ),
    Mutant("a guest measures for ever", RECEPTION, "self._probing.late(now)", "()", RELAY),
    Mutant(
        "a guest that measured gets a path",
        RECEPTION,
        "        if self._probing.forget(guest):\n            return",
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
