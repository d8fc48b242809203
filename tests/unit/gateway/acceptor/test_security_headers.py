"""The headers that protect an answer."""

import pytest

from services.gateway.acceptor.core.security_headers import is_dns_name, security_headers


def headers(
    path: str = "/api/v1/login", *present: bytes, host: str = "a.example"
) -> dict[str, str]:
    return {
        name.decode(): value.decode()
        for name, value in security_headers(path, set(present), has_name=is_dns_name(host))
    }


def test_every_answer_is_protected() -> None:
    assert headers() == {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "strict-transport-security": "max-age=31536000",
    }


@pytest.mark.parametrize(
    ("path", "present", "cache_control"),
    [
        ("/api/v1/nodes/berlin", b"etag", "private, no-cache"),
        ("/openapi.json", b"content-type", "private, no-cache"),
        ("/api/v1/webhooks/a/secret", b"content-type", "no-store"),
    ],
)
def test_an_answer_is_kept_only_where_it_can_be_asked_for_again(
    path: str, present: bytes, cache_control: str
) -> None:
    assert headers(path, present)["cache-control"] == cache_control


def test_a_routes_own_header_stays() -> None:
    assert "cache-control" not in headers("/", b"cache-control")
    assert "content-security-policy" not in headers("/", b"content-security-policy")


@pytest.mark.parametrize(
    ("host", "is_name"),
    [
        ("site.example", True),
        ("alpha", True),
        ("xn--bcher-kva.example.", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("[2001:db8::1]", False),
        ("localhost", False),
        ("LOCALHOST.", False),
        ("meridian.localhost", False),
        ("", False),
    ],
)
def test_strict_transport_is_asked_for_by_name_only(host: str, is_name: bool) -> None:
    assert is_dns_name(host) is is_name
    assert ("strict-transport-security" in headers(host=host)) is is_name
