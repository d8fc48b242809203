"""The history of the site: roles, copies, redirections, and what operators did."""

from typing import Final

from pydantic import Field, TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import NodeName, Page, Parameters
from shared.domain.history import StatusLine
from shared.domain.ids import LATEST_UNIX_MS

MOST_EVENTS: Final = 200


class StatusHistoryQuery(Parameters):
    """Selects events: at most *limit* a page, from before the place that *before* names.

    *folded* shows what flipped back and forth as one line; each page is folded by itself.
    """

    limit: int = Field(default=50, ge=1, le=MOST_EVENTS)
    before: str | None = Field(default=None, pattern=r"^[0-9]{1,16}\.[A-Za-z0-9]{1,64}$")
    since_unix_ms: int = Field(default=0, ge=0, le=LATEST_UNIX_MS)
    node: NodeName | None = None
    folded: bool = False


def status_history(query: StatusHistoryQuery) -> Call[Page[StatusLine]]:
    """The events of the site, newest first."""
    path = path_of("status", "history", **query.as_texts())
    return Call("GET", path, TypeAdapter(Page[StatusLine]))
