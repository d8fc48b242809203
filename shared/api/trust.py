"""Builds the TLS context by which a client knows that it speaks to the site."""

import ssl

from shared.domain.errors import BadSettings


def trusted_context(ca_file: str) -> ssl.SSLContext:
    """Trust the authority in *ca_file* when one is given, else those of the system.

    Raises:
        BadSettings: the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"{ca_file} holds no certificate that can be trusted: {error}") from error
