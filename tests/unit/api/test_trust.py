"""Whom a client trusts: a file, a word that was pasted, or the system."""

import ssl
from pathlib import Path

import pytest

from shared.api.trust import CERTIFICATE, LONGEST_WORD, authority_word, trusted_context
from shared.crypto.authority import make_authority
from shared.domain.errors import BadSettings


@pytest.fixture
def authority(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_bytes(make_authority("one")[0])
    return str(file)


def trusted(authority: str) -> list[bytes]:
    return trusted_context(authority).get_ca_certs(binary_form=True)


def test_a_word_has_a_client_trust_what_the_file_does_and_nothing_else(authority: str) -> None:
    word = authority_word(authority)
    assert word is not None
    assert trusted(word) == trusted(authority)
    assert len(trusted(word)) == 1
    context = trusted_context(word)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert authority_word(word) == word


def test_a_word_holds_every_certificate_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(make_authority("one")[0] + make_authority("two")[0])
    word = authority_word(str(file))
    assert word is not None
    assert sorted(trusted(word)) == sorted(trusted(str(file)))
    assert len(trusted(word)) == 2


def test_a_bundle_is_too_long_for_a_word(tmp_path: Path) -> None:
    file = tmp_path / "bundle.pem"
    file.write_bytes(b"".join(make_authority(str(number))[0] for number in range(20)))
    assert authority_word(str(file)) is None
    assert len(CERTIFICATE) < LONGEST_WORD


@pytest.mark.parametrize("cut", [0, 1, 5, 100, -1, -2, -40])
def test_a_word_that_was_not_pasted_whole_is_refused_in_words(authority: str, cut: int) -> None:
    word = authority_word(authority)
    assert word is not None
    end = len(CERTIFICATE) + cut if cut >= 0 else cut
    with pytest.raises(BadSettings, match="cert:"):
        trusted_context(word[:end])


@pytest.mark.parametrize("text", ["cert:", "cert:*", "cert:\u00e4", "cert:AAAA", "cert:/ca.pem"])
def test_what_is_no_word_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadSettings, match="cert:"):
        trusted_context(text)


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="nowhere"):
        trusted_context(str(tmp_path / "nowhere"))
