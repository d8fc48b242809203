"""The documents of the site and its nodes, as a service keeps them in memory.

A node selector also keeps what public sites and teams override of selection.

It reads them from any master's config service at the start, again when a heartbeat names a later
revision, and every few seconds all the same: everything once, then what changed since.
A heartbeat proves nothing: a revision that no master has is not waited for twice. Documents of a
newer version are read as far as we know them.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from shared.documents import SITE_ID, Kind
from shared.documents.node import NodeDocument
from shared.documents.public_site import PublicSiteDocument
from shared.documents.selection import SelectionOverride
from shared.documents.site import SiteDocument
from shared.documents.team import TeamDocument
from shared.domain.errors import MeridianError, Unavailable
from shared.domain.ids import NodeId, Revision
from shared.events.config import DocumentsRead, ReadDocuments
from shared.messaging.ports import Asks
from shared.messaging.reading import read_documents
from shared.runtime.waiting import wait_at_most

if TYPE_CHECKING:
    from shared.domain.log import LogPosition

EVERY_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.2
READ_SECONDS: Final = 2.0
OVERRIDING: Final[dict[Kind, type[PublicSiteDocument | TeamDocument]]] = {
    Kind.PUBLIC_SITE: PublicSiteDocument,
    Kind.TEAM: TeamDocument,
}


class Directory:
    """The configured documents, as of *revision*; *site* is None before the first reading.

    With *overrides* public sites and teams are read too, for what they override of selection.
    """

    def __init__(self, publisher: Asks, *, overrides: bool = False) -> None:
        self._publisher = publisher
        self._kinds = (Kind.SITE, Kind.NODE, *(OVERRIDING if overrides else ()))
        self._wanted = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._log = logging.getLogger("meridian.directory")
        self.site: SiteDocument | None = None
        self.nodes: dict[NodeId, NodeDocument] = {}
        self.overrides: dict[tuple[Kind, str], SelectionOverride] = {}
        self.revision = Revision(0)
        self.newest = Revision(0)
        self._known: LogPosition | None = None

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call *notify* after each reading that changed something."""
        self._listeners.append(notify)

    def require_site(self) -> SiteDocument:
        """The site's settings.

        Raises:
            Unavailable: they were not read yet.
        """
        if self.site is None:
            raise Unavailable("the site's settings were not read yet", retry_after_seconds=1)
        return self.site

    def heard(self, revision: Revision | None) -> None:
        """Take note that a master reported that it has applied *revision*."""
        if revision is not None and revision > self.newest:
            self.newest = revision
            self._wanted.set()

    async def run(self) -> None:
        """Keep reading until cancelled."""
        while True:
            try:
                await self.read()
            except MeridianError as error:
                self._log.debug("the directory was not read: %s", error.message)
                self.newest = Revision(0)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            await wait_at_most(self._wanted, EVERY_SECONDS)

    async def read(self) -> None:
        """Read once.

        Raises:
            Unavailable: no master answered.
        """
        self._wanted.clear()
        known = self._known
        question = ReadDocuments(kinds=self._kinds, at_least=self.newest, since=known)
        answer = await read_documents(
            self._publisher,
            question,
            page_seconds=READ_SECONDS,
            attempt_seconds=READ_SECONDS / 4,
        )
        if known is not None and answer.position.place <= known.place:
            return
        self._apply(answer)
        if answer.since is None or answer.documents or answer.gone:
            for notify in self._listeners:
                notify()

    def _apply(self, answer: DocumentsRead) -> None:
        is_whole = answer.since is None
        self.nodes = {} if is_whole else dict(self.nodes)
        self.overrides = {} if is_whole else dict(self.overrides)
        for kind, id_ in answer.gone:
            self._drop(Kind(kind), id_)
        for document in answer.documents:
            self._drop(Kind(document.kind), document.id)
            try:
                self._apply_one(Kind(document.kind), document.id, document.body)
            except ValidationError as error:
                name = f"{document.kind} {document.id}"
                self._log.warning("%s cannot be read by this version: %s", name, error)
        self.nodes = dict(sorted(self.nodes.items()))
        self.revision, self._known = answer.revision, answer.position

    def _drop(self, kind: Kind, id_: str) -> None:
        if kind is Kind.NODE:
            self.nodes.pop(NodeId(id_), None)
        self.overrides.pop((kind, id_), None)

    def _apply_one(self, kind: Kind, id_: str, body: Mapping[str, Any]) -> None:
        if kind is Kind.NODE:
            self.nodes[NodeId(id_)] = NodeDocument.model_validate(body, extra="ignore")
        elif kind is Kind.SITE and id_ == SITE_ID:
            self.site = SiteDocument.model_validate(body, extra="ignore")
        elif kind in OVERRIDING:
            override = OVERRIDING[kind].model_validate(body, extra="ignore").selection
            if override != SelectionOverride():
                self.overrides[kind, id_] = override
