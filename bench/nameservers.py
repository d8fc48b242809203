"""Name servers that answer by the client's network: the peers that do the nearest job.

PowerDNS (geoip backend) and gdnsd get the same 10,000 networks over the same 100 nodes and are
asked for the same clients by UDP, each question with the client's network (RFC 7871), so many in
flight that they never wait for us. The asker patches ready-made questions and reads nothing but the
head of an answer; what it costs itself is a row of its own, for it shares the machine's cores.
"""

import contextlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

import dns.edns
import dns.message
import psutil

from bench.results import Results
from bench.selection_population import Population, Shape
from stack.demo.target import free_port

ROUNDS: Final = 9
QUESTIONS: Final = 20_000
IN_FLIGHT: Final = 64
NODES: Final = 100
NETWORKS: Final = 10_000
HOST: Final = "127.0.0.1"
SECONDS: Final = 30.0
QUIET_SECONDS: Final = 1.0
ZONE: Final = "geo.example.com"
PATH: Final = "/usr/sbin:/usr/local/sbin:/usr/bin"
PACKAGES: Final = {"powerdns": "pdns-backend-geoip", "gdnsd": "gdnsd"}
_HEAD: Final = struct.Struct("!HHHH")

Client = bytes
"""The three bytes of an IPv4 address that a name server is told."""


@dataclass(frozen=True)
class Round:
    """What one round of questions took."""

    answers_per_second: float
    per_server_cpu_second: float
    client_us: float
    latencies_us: list[float]


def measure(results: Results) -> None:
    """All servers in turn, round after round."""
    networks, clients = population()
    with (
        tempfile.TemporaryDirectory(prefix="meridian-bench-") as name,
        _servers(Path(name), networks) as servers,
    ):
        rounds = {server: list[Round]() for server in servers}
        for _ in range(ROUNDS):
            for server, (child, port) in servers.items():
                rounds[server].append(_ask_all(child, port, clients))
    for server, rounds_taken in rounds.items():
        _report(results, server, rounds_taken)
    for peer in PACKAGES.keys() - rounds.keys():
        sys.stdout.write(f"{peer} is not installed and was left out\n")


def population() -> tuple[dict[IPv4Network, int], list[Client]]:
    """The networks of a site's nodes, and its clients, half of whom live in one of them."""
    site = Population(Shape(nodes=NODES, prefixes=NETWORKS))
    networks = {
        network: number
        for number, document in enumerate(site.nodes.values())
        for network in document.prefixes
        if isinstance(network, IPv4Network)
    }
    half = QUESTIONS // 2
    asked = zip(site.questions(half, in_prefix=True), site.questions(half), strict=True)
    clients = [IPv4Address(each.end.address) for pair in asked for each in pair]
    return networks, [client.packed[:3] for client in clients]


def _report(results: Results, server: str, rounds_taken: list[Round]) -> None:
    add = results.add
    add("geo answers per second", server, [each.answers_per_second for each in rounds_taken], "1/s")
    per_cpu = [each.per_server_cpu_second for each in rounds_taken]
    add("geo answers per CPU-second", server, per_cpu, "1/s")
    add("geo asker's own cost", server, [each.client_us for each in rounds_taken], "us/answer")
    latencies = [latency for each in rounds_taken for latency in each.latencies_us]
    add(f"geo answer, {IN_FLIGHT} in flight", server, latencies, "us")


def _ask_all(child: psutil.Process, port: int, clients: list[Client]) -> Round:
    """Ask for every client, `IN_FLIGHT` at a time."""
    question = _question()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect((HOST, port))
        connection.settimeout(QUIET_SECONDS)
        sent, latencies = [0.0] * len(clients), list[float]()
        began, own, theirs = time.perf_counter(), time.process_time(), _cpu_seconds(child)
        for at in range(IN_FLIGHT):
            _send(connection, question, at, clients, sent)
        for following in range(IN_FLIGHT, len(clients) + IN_FLIGHT):
            head: tuple[int, int, int, int] = _HEAD.unpack_from(connection.recv(4_096))
            number, flags, _, answers = head
            assert answers, "a name server describe_answer without an address"
            assert not flags & 0xF, "a name server describe_answer with an error"
            latencies.append((time.perf_counter() - sent[number]) * 1e6)
            if following < len(clients):
                _send(connection, question, following, clients, sent)
        seconds = time.perf_counter() - began
    own, theirs = time.process_time() - own, _cpu_seconds(child) - theirs
    count = len(clients)
    return Round(count / seconds, count / max(theirs, 0.01), own / count * 1e6, latencies[::20])


def _send(
    connection: socket.socket,
    question: bytearray,
    number: int,
    clients: list[Client],
    sent: list[float],
) -> None:
    question[:2] = number.to_bytes(2)
    question[-3:] = clients[number]
    sent[number] = time.perf_counter()
    connection.send(question)


def _question() -> bytearray:
    """A question whose number is its first two bytes, and its client's network the last three."""
    option = dns.edns.ECSOption("255.255.255.0", 24)
    wire = bytearray(dns.message.make_query(f"nodes.{ZONE}", "A", options=[option]).to_wire())
    assert wire[-3:] == b"\xff\xff\xff", "the option is at the end of the question"
    return wire


def _cpu_seconds(child: psutil.Process) -> float:
    times = child.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def _servers(
    folder: Path, networks: dict[IPv4Network, int]
) -> Generator[dict[str, tuple[psutil.Process, int]]]:
    """The servers that are installed, each with its port."""
    makers: dict[str, Callable[[Path, int, dict[IPv4Network, int]], list[str]]] = {
        "powerdns": _powerdns,
        "gdnsd": _gdnsd,
    }
    with contextlib.ExitStack() as stack:
        running: dict[str, tuple[psutil.Process, int]] = {}
        for name, make in makers.items():
            program = shutil.which({"powerdns": "pdns_server"}.get(name, name), path=PATH)
            if program is None:
                continue
            home, port = folder / name, free_port()
            home.mkdir()
            arguments = [program, *make(home, port, networks)]
            running[name] = (stack.enter_context(_running(arguments, home, port)), port)
        yield running


def _powerdns(home: Path, port: int, networks: dict[IPv4Network, int]) -> list[str]:
    lines = ["domains:", f"- domain: {ZONE}", "  ttl: 30", "  records:"]
    lines += [f"    {ZONE}:", f"      - soa: ns.{ZONE} admin.{ZONE} 1 7200 3600 86400 60"]
    for node in range(NODES):
        lines += [f"    node{node}.{ZONE}:", f"      - a: {_address(node)}"]
    lines += ["  services:", f"    nodes.{ZONE}:", f"      default: [node0.{ZONE}]"]
    lines += [f"      {network}: [node{node}.{ZONE}]" for network, node in networks.items()]
    (home / "zones.yaml").write_text("\n".join(lines) + "\n")
    settings = {
        "config-dir": home,
        "launch": "geoip",
        "geoip-zones-file": home / "zones.yaml",
        "geoip-database-files": "",
        "edns-subnet-processing": "yes",
        "local-address": HOST,
        "local-port": port,
        "socket-dir": home,
        "security-poll-suffix": "",
        "write-pid": "no",
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def _gdnsd(home: Path, port: int, networks: dict[IPv4Network, int]) -> list[str]:
    for name in ("zones", "run", "state"):
        (home / name).mkdir()
    nodes = ", ".join(f"node{node}" for node in range(NODES))
    nets = "\n".join(f"{network} => [node{node}]" for network, node in networks.items())
    addresses = "\n".join(f"node{node} => {_address(node)}" for node in range(NODES))
    (home / "config").write_text(
        f'options => {{ listen => "{HOST}:{port}", run_dir => "{home}/run", '
        f'state_dir => "{home}/state" }}\n'
        "plugins => { geoip => {\n"
        f"maps => {{ world => {{ datacenters => [{nodes}], nets => {{ {nets} }} }} }}\n"
        "resources => { nodes => { map => world, service_types => up, dcmap => { "
        f"{addresses} }} }} }}\n}} }}\n"
    )
    zone = "@ 60 SOA ns admin ( 1 7200 30M 3D 60 )\n@ NS ns\nns A 127.0.0.1\n"
    (home / "zones" / ZONE).write_text(f"{zone}nodes 30 DYNA geoip!nodes\n")
    return ["-c", str(home), "-R", "start"]


def _address(node: int) -> str:
    return f"192.0.2.{node + 1}"


@contextlib.contextmanager
def _running(arguments: list[str], home: Path, port: int) -> Generator[psutil.Process]:
    """A server as our child, once it answers.

    Raises:
        RuntimeError: it did not in time; the message is the end of its log.
    """
    log = home / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + SECONDS
        while not _answers(port):
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{arguments[0]} does not answer: {log.read_text()[-2_000:]}")
            time.sleep(0.1)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(SECONDS)


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect((HOST, port))
        connection.settimeout(QUIET_SECONDS)
        with contextlib.suppress(OSError):
            connection.send(_question())
            return bool(_HEAD.unpack_from(connection.recv(4_096))[3])
    return False
