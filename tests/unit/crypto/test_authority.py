import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from shared.crypto.authority import issue_certificate, make_authority
from shared.domain.errors import BadSettings


def test_a_certificate_is_good_for_its_names_and_from_its_authority() -> None:
    authority, key = make_authority("support.example.com")

    certificate, _ = issue_certificate(authority, key, ["support.example.com", "192.0.2.7"])

    issued = x509.load_pem_x509_certificate(certificate)
    issuer = x509.load_pem_x509_certificate(authority)
    issued.verify_directly_issued_by(issuer)
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["support.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.7")]


def test_the_pair_can_be_served(tmp_path: Path) -> None:
    authority, key = make_authority("s")
    certificate, own_key = issue_certificate(authority, key, ["localhost"])
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(own_key)

    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "c.pem", tmp_path / "k.pem"
    )


def test_an_authority_may_issue_no_further_authority() -> None:
    authority, _ = make_authority("s")

    basic = x509.load_pem_x509_certificate(authority).extensions.get_extension_for_class(
        x509.BasicConstraints
    )
    assert basic.critical
    assert basic.value.ca
    assert basic.value.path_length == 0


@pytest.mark.parametrize(("certificate", "key"), [(b"", b""), (b"no pem", b"no pem")])
def test_a_damaged_authority_is_reported(certificate: bytes, key: bytes) -> None:
    with pytest.raises(BadSettings, match="certificate authority"):
        issue_certificate(certificate, key, ["localhost"])
