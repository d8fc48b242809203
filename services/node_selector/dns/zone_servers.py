"""Finds a zone's own servers: its NS records and their addresses, as this machine resolves them.

The zone's own servers are asked because a resolver in between may drop the client's network, or
answer from a cache that ignores it. The servers found are cached for a while.
"""

from collections.abc import Callable
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype

from services.node_selector.dns.answers import FAILED_SECONDS
from services.node_selector.dns.client import Servers, ServersUnknown, why
from services.node_selector.dns.core.cache import ScopedCache
from shared.domain.ids import Instant
from shared.runtime.clock import Clock

CACHED_SECONDS: Final = 300.0
MOST_ZONES: Final = 1_000
MOST_SERVERS: Final = 4
DNS_PORT: Final = 53


class ZoneServers:
    """Finds the servers of zones with *resolver*; they listen on *port*."""

    def __init__(
        self,
        clock: Clock,
        resolver: Callable[[], dns.asyncresolver.Resolver] = dns.asyncresolver.Resolver,
        port: int = DNS_PORT,
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._port = port
        self._kept: ScopedCache[str, Servers | str] = ScopedCache(MOST_ZONES)

    def of_this_machine(self) -> Servers:
        """Return the servers that this machine asks for anything.

        Raises:
            ServersUnknown: it has none.
        """
        try:
            resolver = self._resolver()
            return tuple(
                (each, resolver.port)
                if isinstance(each, str)
                else (each.answer_nameserver(), each.answer_port())
                for each in resolver.nameservers
            )
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise ServersUnknown(f"this machine asks no name server: {why(error)}") from error

    async def servers_of(self, name: str, seconds: float) -> Servers:
        """Return the servers of the zone that *name* lies in.

        Raises:
            ServersUnknown: none was found; the message says why.
        """
        found = self._kept.find(name, None, self._clock.now())
        if found is None:
            found, stands = await self._find(name, seconds)
            self._kept.keep(name, None, found, Instant(self._clock.now() + stands))
        if isinstance(found, str):
            raise ServersUnknown(found)
        return found

    async def _find(self, name: str, seconds: float) -> tuple[Servers | str, float]:
        try:
            return await self._resolve(name, seconds), CACHED_SECONDS
        except Exception as error:  # noqa: BLE001 - dnspython raises what an answer leads it to
            return f"the servers of its zone were not found: {why(error)}", FAILED_SECONDS

    async def _resolve(self, name: str, seconds: float) -> Servers:
        resolver = self._resolver()
        zone = await dns.asyncresolver.zone_for_name(
            dns.name.from_text(name), resolver=resolver, lifetime=seconds
        )
        hosts = await resolver.resolve(zone, dns.rdatatype.NS, lifetime=seconds)
        servers: list[tuple[str, int]] = []
        for host in sorted(record.target for record in hosts)[:MOST_SERVERS]:
            found = await resolver.resolve_name(host, lifetime=seconds)
            servers += [(address, self._port) for address in found.addresses()]
        return tuple(sorted(servers, key=lambda each: ":" in each[0]))
