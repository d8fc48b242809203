"""How the site's address is led to another master when the role moves.

Endpoints know every master and need none of this (`none`). It is for people and devices that know
one address: the new primary leads it to itself. Secrets and commands are no part of the
configuration, because an administrator of the site is not one of its machines: they stand in the
settings of each master's failover monitor.
"""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.documents.document import Document


class RedirectionMethod(StrEnum):
    """What a new primary does so that the site's address leads to it."""

    NONE = "none"
    HOOK = "hook"


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in {"http", "https"} and parts.hostname):
        raise ValueError("use an address like https://router.example.com/redirect")
    return text


class Hook(Document):
    """The web address that is told of a new primary; without one, each master runs its command."""

    webhook_url: Annotated[str, Field(max_length=2_000), AfterValidator(_web_address)] = ""


class Redirection(Document):
    """The method, how long one attempt may take, and what the method must know."""

    method: RedirectionMethod = RedirectionMethod.NONE
    time_limit_seconds: float = Field(default=10.0, gt=0, le=300)
    hook: Hook = Hook()
