"""The changes of the configuration, as a list for people, and the log, verified or rebuilt."""

from typing import Final

from pydantic import Field, TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel, Name, Page, Parameters
from shared.domain.history import HistoryLine
from shared.domain.ids import LATEST_UNIX_MS, LogGeneration, NodeId, Revision

VERIFY_SECONDS: Final = 600.0
REBUILD_SECONDS: Final = 60.0
MOST_LINES: Final = 200


class ChangesQuery(Parameters):
    """Selects changes: at most *limit* lines a page, from before the entry that *before* names."""

    limit: int = Field(default=50, ge=1, le=MOST_LINES)
    before: str | None = Field(default=None, pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$")
    since_unix_ms: int = Field(default=0, ge=0, le=LATEST_UNIX_MS)
    kind: Name | None = None
    author: Name | None = None


class CopyReport(ApiModel):
    """Reports on one copy: how many entries form its chain, up to which, and any fault in it."""

    copy_of: str
    entries: int = 0
    skipped: int = 0
    revision: int | None = None
    hash: str = ""
    fault: str = ""


class RebuildRequest(ApiModel):
    """The reason for a rebuild; *force* goes on without a master that cannot be asked."""

    force: bool = False
    reason: str = Field(default="", max_length=500)


class NewLogGeneration(ApiModel):
    """The log goes on in *log_generation* with *revision*, from the database of *node*.

    *unreachable* are masters that could not be asked, *left_behind* those of an earlier generation
    that have another history: what either had alone is not in the log.
    """

    node: NodeId
    log_generation: LogGeneration
    revision: Revision
    hash: str
    unreachable: tuple[NodeId, ...] = ()
    left_behind: tuple[NodeId, ...] = ()


def list_changes(query: ChangesQuery) -> Call[Page[HistoryLine]]:
    """The changes of the configuration, newest first."""
    return Call("GET", path_of("log", **query.as_texts()), TypeAdapter(Page[HistoryLine]))


def verify_log() -> Call[tuple[CopyReport, ...]]:
    """Walk the hash chain in the log and in every master's database."""
    answer = TypeAdapter(tuple[CopyReport, ...])
    return Call("GET", "/log/verify", answer, seconds=VERIFY_SECONDS)


def rebuild_log(request: RebuildRequest) -> Call[NewLogGeneration]:
    """Begin the log anew from the masters' databases."""
    answer = TypeAdapter(NewLogGeneration)
    return Call("POST", "/log/rebuild", answer, request, seconds=REBUILD_SECONDS)
