"""Routes that take long bodies: of signed-in callers only, found out before a byte is read."""

from typing import ClassVar, Final

from fastapi import Request

from services.gateway.access.accounts import Accounts
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import bearer

DOCUMENT_BYTES: Final = 1 << 20
"""One document: a change of it travels in one message of the broker, which carries no more."""

SITE_BYTES: Final = 64 << 20
"""A whole configuration, or a population to rehearse."""


class SignedInBody(DecodedRoute):
    """A route whose bodies are as long as a document."""

    longest_body_bytes: ClassVar[int] = DOCUMENT_BYTES

    async def admit_body(self, request: Request) -> None:
        """Let the body be read when the caller is signed in.

        Raises:
            Unauthenticated: there is no token, or it is not good.
        """
        accounts = await provided(Accounts)(request)
        accounts.caller(bearer(request))


class SiteBody(SignedInBody):
    """A route whose bodies are as long as a site's configuration."""

    longest_body_bytes: ClassVar[int] = SITE_BYTES
