"""The documents of the master state: what an administrator configures, declared once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from shared.documents.body import DocumentBody
from shared.documents.node import NodeDocument
from shared.documents.public_site import PublicSiteDocument
from shared.documents.shape import validate_body
from shared.documents.site import SiteDocument
from shared.documents.team import TeamDocument
from shared.documents.user import UserDocument
from shared.documents.webhook import WebhookDocument


class Kind(StrEnum):
    """Every kind of document that the cluster log may change; each names only kinds before it."""

    SITE = "site"
    NODE = "node"
    USER = "user"
    TEAM = "team"
    PUBLIC_SITE = "public_site"
    WEBHOOK = "webhook"


DOCUMENTS: Final[dict[Kind, type[DocumentBody]]] = {
    Kind.SITE: SiteDocument,
    Kind.NODE: NodeDocument,
    Kind.USER: UserDocument,
    Kind.TEAM: TeamDocument,
    Kind.PUBLIC_SITE: PublicSiteDocument,
    Kind.WEBHOOK: WebhookDocument,
}

DIRECTORY_KINDS: Final = (Kind.SITE, Kind.NODE, Kind.PUBLIC_SITE)
"""What a traffic node gets to keep: no user, no team, no secret."""

COLLECTIONS: Final = {
    "nodes": Kind.NODE,
    "users": Kind.USER,
    "teams": Kind.TEAM,
    "public_sites": Kind.PUBLIC_SITE,
    "webhooks": Kind.WEBHOOK,
}
"""What many documents of a kind are called, in a file and at the front door."""

SITE_ID: Final = "site"
"""The one site document's id."""


def normalise_body(kind: Kind, id_: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* as its kind's document writes it, defaults included.

    Raises:
        InvalidChange: the body has another shape.
    """
    return validate_body(DOCUMENTS[kind], f"{kind} {id_!r}", body)
