"""Builds the TLS context by which a client knows that it speaks to the site.

An authority is a PEM file, or the certificates themselves in one word that can be pasted:
`cert:` and their DER, one after the other, in base64 for addresses (RFC 4648, section 5). The word
proves as much as the file: who has it trusts that authority and no other.
"""

import base64
import ssl
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64url
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of

CERTIFICATE: Final = "cert:"
LONGEST_WORD: Final = 4_000
"""Longer words are no good on a command line."""


def trusted_context(authority: str) -> ssl.SSLContext:
    """Trust *authority*, a file or a word, when one is given, else those of the system.

    Raises:
        BadSettings: it holds no certificate.
    """
    try:
        if is_word(authority):
            der = decode_base64url(authority.removeprefix(CERTIFICATE))
            return ssl.create_default_context(cadata=der or b"\0")
        return ssl.create_default_context(cafile=authority or None)
    except Undecodable as error:
        raise BadSettings("--ca cert:… is damaged; paste the whole line again") from error
    except ssl.SSLError as error:
        reason = str(error)
    except OSError as error:
        reason = reason_of(error)
    shown = "--ca cert:…" if is_word(authority) else authority
    raise BadSettings(f"{shown} holds no certificate that can be trusted: {reason}")


def is_word(authority: str) -> bool:
    """Say whether *authority* is the certificates themselves, and no file."""
    return authority.startswith(CERTIFICATE)


def authority_word(authority: str) -> str | None:
    """The word for *authority*, a file or a word; None when it is too long to be pasted.

    Raises:
        BadSettings: it holds no certificate.
    """
    der = b"".join(trusted_context(authority).get_ca_certs(binary_form=True))
    word = CERTIFICATE + base64.urlsafe_b64encode(der).decode().rstrip("=")
    return word if len(word) <= LONGEST_WORD else None
