"""The documents of the master state: what an administrator configures, declared once."""

from enum import StrEnum
from typing import Final

from shared.documents.document import Document
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument
from shared.documents.user import UserDocument


class Kind(StrEnum):
    """Every kind of document that the cluster log may change."""

    SITE = "site"
    NODE = "node"
    USER = "user"


DOCUMENTS: Final[dict[Kind, type[Document]]] = {
    Kind.SITE: SiteDocument,
    Kind.NODE: NodeDocument,
    Kind.USER: UserDocument,
}

DIRECTORY_KINDS: Final = (Kind.SITE, Kind.NODE)
"""What a traffic node gets to keep: no user, no secret."""

SITE_ID: Final = "site"
"""The one site document's id."""
