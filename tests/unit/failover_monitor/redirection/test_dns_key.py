"""The key of dynamic updates, as the tools of name servers write it."""

import pytest

from services.failover_monitor.redirection.dns import read_key
from shared.domain.errors import BadSettings

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0"
GENERATED = f'key "meridian" {{\n\talgorithm hmac-sha512;\n\tsecret "{SECRET}";\n}};\n'


def test_without_a_file_there_is_no_key() -> None:
    assert read_key("") is None


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (GENERATED, "hmac-sha512."),
        (f'key meridian {{ secret "{SECRET}"; algorithm "HMAC-SHA256"; }};', "hmac-sha256."),
        (f"# ours\n{GENERATED}", "hmac-sha512."),
    ],
)
def test_a_key_is_read_in_every_way_that_it_is_written(text: str, algorithm: str) -> None:
    key = read_key(text)

    assert key is not None
    assert key.name.to_text() == "meridian."
    assert key.algorithm.to_text() == algorithm
    assert key.secret == b"secret of the test"


@pytest.mark.parametrize(
    "text",
    [SECRET, f"meridian:{SECRET}", 'key "meridian" { algorithm hmac-sha256; };', "key {};"],
)
def test_what_is_no_key_file_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadSettings, match="as tsig-keygen writes it"):
        read_key(text)


def test_an_algorithm_that_is_broken_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"use hmac-sha224, .* not hmac-md5"):
        read_key(GENERATED.replace("sha512", "md5"))


def test_a_secret_that_is_no_base64_is_refused() -> None:
    with pytest.raises(BadSettings, match="MERIDIAN_REDIRECTION_DNS_KEY_FILE"):
        read_key(GENERATED.replace(SECRET, "abc"))
