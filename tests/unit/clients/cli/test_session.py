"""The line that `meridian session open` prints for the customer."""

import shlex
from pathlib import Path

from clients.cli.session import share_line
from clients.site.profile import Profile
from shared.api.trust import authority_word, trusted_context
from shared.crypto.authority import make_authority

KEY = "4821739-lusab-rodim"


def options(line: str) -> dict[str, str]:
    words = shlex.split(line)
    assert words[:3] == ["meridian", "share", "HOST:PORT"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_the_line_names_every_gateway_and_holds_the_authority_itself(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(make_authority("site")[0])
    urls = ["https://[fe80::1]:8443", "https://b.example"]
    given = options(share_line(KEY, urls, Profile(ca_file=str(file))))
    assert given == {"--key": KEY, "--site": ",".join(urls), "--ca": authority_word(str(file))}
    assert len(given["--ca"]) < 700
    file.unlink()
    assert len(trusted_context(given["--ca"]).get_ca_certs()) == 1


def test_a_site_that_the_system_trusts_needs_no_authority() -> None:
    given = options(share_line(KEY, ["https://support.example.com"], Profile()))
    assert given == {"--key": KEY, "--site": "https://support.example.com"}


def test_an_authority_that_is_too_long_for_a_line_is_named_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "a bundle.pem"
    file.write_bytes(b"".join(make_authority(str(number))[0] for number in range(20)))
    assert options(share_line(KEY, ["https://a"], Profile(ca_file=str(file))))["--ca"] == str(file)
