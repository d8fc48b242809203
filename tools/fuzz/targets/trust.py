"""The authority that a client trusts: a word that was pasted, or a file."""

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from shared.api.trust import authority_word, is_word, trusted_context
from shared.crypto.authority import make_authority
from tools.fuzz.target import Target, text_of


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _authority(data: bytes) -> object:
    """A site's authority: the word, or a file, which may be missing."""
    if is_word(text_of(data)):
        return trusted_context(text_of(data))
    return trusted_context(str(_folder() / "missing.pem" if data == b"missing" else _pem(data)))


def _pem(data: bytes) -> Path:
    """A real file: OpenSSL opens it itself."""
    file = _folder() / "ca.pem"
    file.write_bytes(data)
    return file


def _authority_corpus() -> Iterable[bytes]:
    certificate = make_authority("fuzz")[0]
    word = authority_word(str(_pem(certificate)))
    assert word is not None, "one certificate is short"
    yield from (certificate, word.encode(), word.encode()[:-9], certificate[:-40], b"missing", b"")
    yield from (b"cert:", b"cert:*", b"cert:AAAA", b"cert:\xff")


TARGETS = (
    Target(
        "trust.authority",
        _authority,
        _authority_corpus,
        ("shared.api.trust:trusted_context",),
        frozenset({"bad_settings"}),
        slow="OpenSSL parses each certificate, and builds a context for it",
    ),
)
