"""Builds the TLS context by which a client knows that it speaks to the site."""

import ssl

from shared.domain.errors import BadSettings
from shared.domain.files import reason_of


def trusted_context(ca_file: str) -> ssl.SSLContext:
    """Trust the authority in *ca_file* when one is given, else those of the system.

    Raises:
        BadSettings: the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except ssl.SSLError as error:
        reason = str(error)
    except OSError as error:
        reason = reason_of(error)
    raise BadSettings(f"{ca_file} holds no certificate that can be trusted: {reason}")
