"""The method `dns`: a dynamic update (RFC 2136) of the zone's server, signed with TSIG (RFC 8945).

One message removes the old addresses of the name and adds this master's, so the name is never
empty. A server that has these addresses already changes nothing, not even its serial number.
"""

import asyncio
import binascii
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from services.failover_monitor.redirection.core import DesiredState
from shared.documents.redirection import Dns
from shared.domain.containment import describe_error
from shared.domain.errors import BadSettings, RedirectionFailed

KEY: Final = re.compile(
    r'key\s+"?(?P<name>[^\s"{]+)"?\s*\{'
    r'(?=[^}]*\balgorithm\s+"?(?P<algorithm>[^\s";]+)"?\s*;)'
    r'(?=[^}]*\bsecret\s+"(?P<secret>[^"]+)"\s*;)[^}]*\}'
)
ALGORITHMS: Final = ("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
AGAIN_SECONDS: Final = 60.0


def read_key(text: str) -> dns.tsig.Key | None:
    """Read the key from *text* as `tsig-keygen` writes it; None when *text* is empty.

    Raises:
        BadSettings: *text* is no such key, or its algorithm is out of use.
    """
    if not text:
        return None
    found = KEY.search(text)
    if found is None:
        raise BadSettings(
            'MERIDIAN_REDIRECTION_DNS_KEY_FILE must hold key "name" { algorithm hmac-sha256; '
            'secret "..."; }; as tsig-keygen writes it'
        )
    algorithm = found["algorithm"].lower()
    if algorithm not in ALGORITHMS:
        raise BadSettings(
            f"MERIDIAN_REDIRECTION_DNS_KEY_FILE: use {', '.join(ALGORITHMS)}, not {algorithm}"
        )
    try:
        return dns.tsig.Key(found["name"], found["secret"], algorithm)
    except (binascii.Error, dns.exception.DNSException) as error:
        raise BadSettings(f"MERIDIAN_REDIRECTION_DNS_KEY_FILE: {error}") from error


@dataclass(frozen=True)
class DnsMethod:
    """Sends updates signed with *key*; without one, the server must trust this master's address."""

    key: dns.tsig.Key | None = None
    again_seconds: float = AGAIN_SECONDS

    async def redirect(self, desired: DesiredState) -> None:
        setting = desired.setting.dns
        assert setting is not None, "a document with this method says how"
        addresses = setting.addresses.get(desired.node)
        if addresses is None:
            raise RedirectionFailed(
                f"the site's redirection.dns.addresses do not name {desired.node}"
            )
        code = await self._answer(setting, self._update(setting, addresses))
        if code != dns.rcode.NOERROR:
            raise RedirectionFailed(
                f"the DNS server {setting.server} refuses to direct {setting.name} here: "
                f"{dns.rcode.to_text(code)}"
            )

    async def release(self, desired: DesiredState) -> None:
        """Do nothing: the next primary changes the same name."""

    def _update(self, setting: Dns, addresses: tuple[str, ...]) -> dns.update.UpdateMessage:
        update = dns.update.UpdateMessage(setting.zone)
        if self.key is not None:
            update.use_tsig(self.key)
        name = dns.name.from_text(setting.name)
        update.delete(name, dns.rdatatype.A)
        update.delete(name, dns.rdatatype.AAAA)
        for address in addresses:
            update.add(name, setting.ttl_seconds, _record_type(address), address)
        return update

    async def _answer(self, setting: Dns, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        """Send *update*; the caller sets the time limit."""
        server = setting.server
        try:
            where = await _address(setting)
            backend = dns.asyncbackend.get_backend("asyncio")
            answer = await dns.asyncquery.tcp(update, where, port=setting.port, backend=backend)
        except dns.tsig.PeerError as error:
            raise RedirectionFailed(
                f"the DNS server {server} does not accept this master's key: {error}"
            ) from error
        except (dns.exception.DNSException, OSError, EOFError) as error:
            why = describe_error(error)
            raise RedirectionFailed(f"the DNS server {server} cannot be updated: {why}") from error
        return answer.rcode()


async def _address(setting: Dns) -> str:
    """Resolve the server's name, as this machine knows it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(setting.server, setting.port, type=socket.SOCK_STREAM)
    return str(found[0][4][0])


def _record_type(address: str) -> dns.rdatatype.RdataType:
    is_old = isinstance(ip_address(address), IPv4Address)
    return dns.rdatatype.A if is_old else dns.rdatatype.AAAA
