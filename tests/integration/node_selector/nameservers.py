# pyright: reportUnknownMemberType=false
"""Real name servers that answer by the client's network, each on an address of this machine.

PowerDNS and gdnsd know where networks lie; BIND knows no networks, but the other kinds of records,
and stands in for this machine's resolver: it knows who serves which zone. All listen on one port,
because a zone's servers are known by their addresses alone.
"""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.message
import dns.query

from tests.integration.servers import SECONDS, free_port, spawn, until
from tests.programs import require_program

BIND, POWERDNS, GDNSD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""BIND takes only what an interface has; the others take any address of the loopback network."""

GEO_BY_POWERDNS = """
domains:
- domain: geo.example.com
  ttl: 30
  records:
    geo.example.com:
      - soa: ns.geo.example.com admin.geo.example.com 1 7200 3600 86400 60
      - ns: ns.geo.example.com
    ns.geo.example.com:
      - a: 127.0.0.2
    fra.geo.example.com:
      - a: 192.0.2.1
      - aaaa: 2001:db8::1
    nyc.geo.example.com:
      - a: 192.0.2.2
  services:
    nodes.geo.example.com:
      default: [nyc.geo.example.com]
      198.51.100.0/24: [fra.geo.example.com]
      2001:db8:1::/48: [fra.geo.example.com]
"""
GDNSD_CONFIG = """
options => {{
  listen => "{address}:{port}", run_dir => "{folder}/run", state_dir => "{folder}/state"
}}
plugins => {{ geoip => {{
  maps => {{ world => {{ datacenters => [nyc, fra], nets => {{ 198.51.96.0/20 => [fra, nyc] }} }} }}
  resources => {{ nodes => {{
    map => world, service_types => up, dcmap => {{ fra => 192.0.2.1, nyc => 192.0.2.2 }}
  }} }}
}} }}
"""
GEO_BY_GDNSD = """
@ 60 SOA ns admin ( 1 7200 30M 3D 60 )
@ NS ns
ns A 127.0.0.3
nodes 30 DYNA geoip!nodes
abroad CNAME nodes.geo.example.com.
"""
BIND_CONFIG = """
options {{
    directory "{folder}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    pid-file none; lock-file none; session-keyfile none;
    recursion yes; allow-recursion {{ any; }}; dnssec-validation no; minimal-responses no;
    empty-zones-enable no; max-cache-size 8M;
}};
controls {{ }};
zone "example.com" {{ type primary; file "zone"; }};
zone "geo.example.com" {{
    type forward; forward only; forwarders {{ 127.0.0.2 port {port}; }};
}};
zone "geo.example.net" {{
    type forward; forward only; forwarders {{ 127.0.0.3 port {port}; }};
}};
zone "elsewhere.example.org" {{ type primary; file "lame"; }};
"""
RECORDS = (
    """$TTL 300
@ SOA ns.example.com. admin.example.com. 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
geo NS ns.geo
ns.geo A 127.0.0.2
fra A 192.0.2.1
nyc A 192.0.2.2
nodes A 192.0.2.1
here CNAME fra
abroad CNAME nodes.geo
textual TXT "no address"
_relay._tcp SRV 10 60 7000 fra
_relay._tcp SRV 10 40 7000 nyc
_relay._tcp SRV 20 0 7001 spare
"""
    + "\n".join(f"many A 10.20.{high}.{low}" for high in range(2) for low in range(45))
    + "\n"
)
LAME = """$TTL 300
@ SOA ns admin 1 3600 600 86400 60
@ NS ns.nowhere.example.com.
nodes A 192.0.2.1
"""


@dataclass(frozen=True)
class NameServers:
    """The servers that answer on *port*."""

    port: int

    def resolver(self) -> dns.asyncresolver.Resolver:
        """What this machine would ask for anything."""
        made = dns.asyncresolver.Resolver(configure=False)
        made.nameservers = [BIND]
        made.port = self.port
        return made


@contextlib.contextmanager
def name_servers(folder: Path) -> Generator[NameServers]:
    port = free_port()
    with contextlib.ExitStack() as stack:
        for start, address, name in (
            (_powerdns, POWERDNS, "geo.example.com"),
            (_bind, BIND, "example.com"),
            (_gdnsd, GDNSD, "geo.example.net"),
        ):
            home = folder / start.__name__
            home.mkdir()
            stack.enter_context(_running(start(home, address, port), home, (address, port, name)))
        yield NameServers(port)


def _powerdns(folder: Path, address: str, port: int) -> tuple[str | Path, ...]:
    (folder / "zones.yaml").write_text(GEO_BY_POWERDNS)
    settings = {
        "launch": "geoip",
        "geoip-zones-file": folder / "zones.yaml",
        "geoip-database-files": "",
        "edns-subnet-processing": "yes",
        "local-address": address,
        "local-port": port,
        "socket-dir": folder,
        "zone-cache-refresh-interval": 0,
        "security-poll-suffix": "",
        "write-pid": "no",
    }
    options = (f"--{name}={value}" for name, value in settings.items())
    return (require_program("pdns_server"), f"--config-dir={folder}", *options)


def _bind(folder: Path, address: str, port: int) -> tuple[str | Path, ...]:
    values = {"folder": folder, "address": address, "port": port}
    (folder / "named.conf").write_text(BIND_CONFIG.format(**values))
    (folder / "zone").write_text(RECORDS)
    (folder / "lame").write_text(LAME)
    return (require_program("named"), "-g", "-n", "1", "-c", folder / "named.conf")


def _gdnsd(folder: Path, address: str, port: int) -> tuple[str | Path, ...]:
    values = {"folder": folder, "address": address, "port": port}
    for name in ("zones", "run", "state"):
        (folder / name).mkdir()
    (folder / "config").write_text(GDNSD_CONFIG.format(**values))
    (folder / "zones" / "geo.example.net").write_text(GEO_BY_GDNSD)
    return (require_program("gdnsd"), "-c", folder, "-R", "start")


@contextlib.contextmanager
def _running(
    arguments: tuple[str | Path, ...], folder: Path, asked: tuple[str, int, str]
) -> Generator[None]:
    log = folder / "log"
    child = spawn(arguments, log)

    def answers() -> bool:
        assert child.poll() is None, log.read_text()
        address, port, name = asked
        question = dns.message.make_query(name, "SOA")
        with contextlib.suppress(OSError, dns.exception.DNSException):
            return bool(dns.query.udp(question, address, port=port, timeout=1).answer)
        return False

    try:
        until(answers, f"the name server for {asked[2]}")
        yield
    finally:
        child.terminate()
        child.wait(SECONDS)
