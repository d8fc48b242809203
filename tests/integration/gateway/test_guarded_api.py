"""What protects the answers: TLS, headers by route, and the client's address behind proxies."""

import asyncio
import ssl
from contextlib import nullcontext
from pathlib import Path

import pytest

from shared.domain.source import Networks
from tests.integration.gateway.acceptors import HONEST, OpenAcceptor, opened

pytestmark = pytest.mark.integration

LOOPBACK = Networks.parse(("127.0.0.0/8",))
FORWARDED = b"GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"


def client_context(version: ssl.TLSVersion, suites: str = "") -> ssl.SSLContext:
    """A client that speaks *version* only, with whatever old suites its library still knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(f"{suites or 'DEFAULT'}:@SECLEVEL=0")
    is_old = version < ssl.TLSVersion.TLSv1_2
    with pytest.warns(DeprecationWarning, match="TLSVersion") if is_old else nullcontext():
        context.minimum_version = context.maximum_version = version
    return context


async def shaken(here: OpenAcceptor, context: ssl.SSLContext) -> tuple[str, str]:
    """The version and the suite of a handshake."""
    _, writer = await asyncio.open_connection(HONEST, here.port, ssl=context)
    here.streams.append(writer)
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    suite = found.cipher()
    assert suite is not None
    return found.version() or "", suite[0]


async def test_tls_1_3_is_spoken(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        version, _ = await shaken(here, client_context(ssl.TLSVersion.TLSv1_3))
        assert version == "TLSv1.3"


@pytest.mark.parametrize("suites", ["ECDHE+AESGCM", "ECDHE+CHACHA20", "ALL"])
async def test_tls_1_2_is_spoken_with_authenticated_encryption(tmp_path: Path, suites: str) -> None:
    async with opened(tmp_path) as here:
        version, suite = await shaken(here, client_context(ssl.TLSVersion.TLSv1_2, suites))
        assert version == "TLSv1.2"
        assert suite.startswith("ECDHE-")
        assert "GCM" in suite or "CHACHA20" in suite


@pytest.mark.parametrize(
    ("version", "suites"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-GCM-SHA384"),
        (ssl.TLSVersion.TLSv1_1, ""),
        (ssl.TLSVersion.TLSv1, ""),
    ],
    ids=["CBC", "no forward secrecy", "1.1", "1.0"],
)
async def test_older_tls_is_refused(tmp_path: Path, version: ssl.TLSVersion, suites: str) -> None:
    async with opened(tmp_path) as here:
        with pytest.raises((ssl.SSLError, OSError)):
            await shaken(here, client_context(version, suites))


async def test_answers_carry_the_headers_that_protect_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        _, answer = await here.ask()
        lines = answer.lower().split(b"\r\n")
        assert b"strict-transport-security: max-age=31536000" in lines
        assert b"x-content-type-options: nosniff" in lines
        assert b"content-security-policy: default-src 'none'; frame-ancestors 'none'" in lines
        assert b"referrer-policy: no-referrer" in lines
        assert b"cache-control: no-store" in lines
        assert sum(line.startswith(b"date: ") for line in lines) == 1


@pytest.mark.parametrize("site", ["192.0.2.7", "2001:db8::1", "localhost"])
async def test_an_address_asks_for_no_strict_transport(tmp_path: Path, site: str) -> None:
    async with opened(tmp_path, site=site) as here:
        _, answer = await here.ask()
        assert b"strict-transport" not in answer


async def test_a_forwarded_address_is_believed_of_nobody_by_default(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        _, answer = await here.ask(FORWARDED)
        assert answer.endswith(b"127.0.0.1 0")


async def test_a_forwarded_address_is_believed_of_a_trusted_proxy(tmp_path: Path) -> None:
    async with opened(tmp_path, trusted=LOOPBACK) as here:
        _, answer = await here.ask(FORWARDED)
        assert answer.endswith(b"203.0.113.9 0")
