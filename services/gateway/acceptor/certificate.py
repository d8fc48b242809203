"""Writes the certificate with which a gateway shows who it is."""

from pathlib import Path

from shared.crypto.authority import issue_certificate
from shared.crypto.join import AUTHORITY_FILE, AUTHORITY_KEY_FILE
from shared.crypto.nodekeys import write_secret
from shared.domain.errors import BadSettings


def write_certificate(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """Write a fresh certificate of the site's authority for *names*; return its file and its key's.

    Raises:
        BadSettings: the authority's files cannot be read.
    """
    try:
        authority = (folder / AUTHORITY_FILE).read_bytes()
        authority_key = (folder / AUTHORITY_KEY_FILE).read_bytes()
    except OSError as error:
        raise BadSettings(f"the site's certificate authority cannot be read: {error}") from error
    certificate, key = issue_certificate(authority, authority_key, names)
    paths = folder / "gateway.pem", folder / "gateway.key"
    paths[0].write_bytes(certificate)
    write_secret(paths[1], key)
    return paths
