# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""A real name server (BIND) on a port of its own, with a zone that a key may change."""

import contextlib
import secrets
from base64 import b64encode
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from tests.integration.servers import HOST, SECONDS, free_port, spawn, until
from tests.programs import require_program

if TYPE_CHECKING:
    import subprocess

ZONE = "example.com"
CONFIG = """
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none; lock-file none; session-keyfile none;
    recursion no; dnssec-validation no;
}};
controls {{ }};
{key}
zone "{zone}" {{ type primary; file "zone"; allow-update {{ key meridian; }}; }};
"""
RECORDS = """$TTL 300
@ SOA ns.example.com. admin.example.com. 1 3600 600 86400 60
@ NS ns.example.com.
ns A 192.0.2.53
support A 192.0.2.99
support TXT "keep me"
"""


@dataclass(frozen=True)
class NameServer:
    """Where it listens, and the key that it takes, as `tsig-keygen` writes one."""

    port: int
    key: str

    def ask(self, name: str, kind: str) -> tuple[set[str], int]:
        """What it says of *name*, and for how long; nothing is (empty, 0)."""
        question = dns.message.make_query(name, kind)
        answer = dns.query.tcp(question, HOST, port=self.port, timeout=SECONDS)
        for found in answer.answer:
            return {record.to_text() for record in found}, found.ttl
        return set(), 0

    def serial(self) -> str:
        ((record,), _) = self.ask(ZONE, "SOA")
        return record.split()[2]


def make_key() -> str:
    secret = b64encode(secrets.token_bytes(32)).decode()
    return f'key "meridian" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'


@contextlib.contextmanager
def name_server(folder: Path) -> Generator[NameServer]:
    program = require_program("named")
    server = NameServer(free_port(), make_key())
    values = {"folder": folder, "port": server.port, "key": server.key, "zone": ZONE}
    (folder / "named.conf").write_text(CONFIG.format(**values))
    (folder / "zone").write_text(RECORDS)
    child = spawn((program, "-g", "-n", "1", "-c", folder / "named.conf"), folder / "log")
    try:
        until(lambda: _answers(server, child, folder / "log"), "the name server answers")
        yield server
    finally:
        child.terminate()
        child.wait(SECONDS)


def _answers(server: NameServer, child: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert child.poll() is None, log.read_text()
    try:
        return bool(server.serial())
    except (OSError, EOFError, ValueError, dns.exception.DNSException):
        return False
