"""Checks that every copy of the log is the same hash chain, and has a lost log rebuilt.

The databases come first, so that none can end behind the log. A database's last entry is on the
log's chain if it is the log's last one too, or if an entry of the log names its hash.
"""

from collections.abc import Sequence
from typing import Final, Literal

from shared.api.changes import CopyReport
from shared.domain.errors import Unavailable
from shared.domain.ids import NodeId
from shared.domain.log import LogPosition
from shared.domain.node import NodeRole
from shared.events.config import (
    ChainVerified,
    GenerationBegun,
    RebuildLog,
    VerifyChain,
)
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

PART_SECONDS: Final = 20.0
"""How long one part of a walk may take."""

REBUILD_SECONDS: Final = 40.0


class LogCopies:
    """The cluster log and the database of every master, as *node* can have them checked."""

    def __init__(self, node: NodeId, publisher: Asks, directory: Directory) -> None:
        self._node = node
        self._publisher = publisher
        self._directory = directory

    async def verify(self) -> list[CopyReport]:
        """Walk the log and the database of each master."""
        nodes = self._directory.nodes.items()
        masters = sorted(node for node, each in nodes if each.role is NodeRole.MASTER)
        return await verify_copies(self._publisher, masters)

    async def rebuild(self, author: str, *, force: bool, reason: str) -> GenerationBegun:
        """Have this master begin a new log from the masters' databases.

        Raises:
            MeridianError: it refused, or cannot do it now.
        """
        order = RebuildLog(node=self._node, author=author, force=force, reason=reason)
        return await self._publisher.ask(order, timeout_seconds=REBUILD_SECONDS)


async def verify_copies(publisher: Asks, masters: Sequence[NodeId]) -> list[CopyReport]:
    """Walk the log, and the database of each of *masters*."""
    walks = [(node, await _walk(publisher, node, "database")) for node in masters]
    log = await _walk_log(publisher, masters)
    reports = [_report("log", log)]
    for node, walk in walks:
        fault = walk.fault
        if not fault and not await _is_on_chain(publisher, walk, log):
            fault = "its last entry is not on the log's chain"
        reports.append(_report(f"database of {node}", walk.model_copy(update={"fault": fault})))
    return reports


async def _walk(
    publisher: Asks,
    node: NodeId,
    of: Literal["log", "database"],
    after: LogPosition | None = None,
) -> ChainVerified:
    """Walk a copy of the log to the end, or to the first fault; no answer is a fault."""
    whole = ChainVerified(node=node, entries=0, skipped=0, end=after, is_whole=False)
    while not whole.is_whole and not whole.fault:
        question = VerifyChain(node=node, of=of, after=whole.end)
        try:
            part = await publisher.ask(question, timeout_seconds=PART_SECONDS)
        except Unavailable as error:
            return whole.model_copy(update={"fault": f"{node}: {error.message}"})
        whole = part.model_copy(
            update={
                "entries": whole.entries + part.entries,
                "skipped": whole.skipped + part.skipped,
            }
        )
    return whole


async def _walk_log(publisher: Asks, masters: Sequence[NodeId]) -> ChainVerified:
    """Walk the log through the first master that can read it."""
    walks = [
        ChainVerified(node=NodeId(""), entries=0, skipped=0, is_whole=False, fault="no master")
    ]
    for node in masters:
        walks.append(await _walk(publisher, node, "log"))
        if not walks[-1].fault:
            break
    return walks[-1]


async def _is_on_chain(publisher: Asks, copy: ChainVerified, log: ChainVerified) -> bool:
    """Say whether *copy*'s end is an entry of the log; an unreadable log proves nothing."""
    if log.fault or copy.end is None:
        return True
    if log.end is not None and log.end.hash == copy.end.hash:
        return True
    return (await _walk(publisher, log.node, "log", copy.end)).entries > 0


def _report(name: str, walk: ChainVerified) -> CopyReport:
    return CopyReport(
        copy_of=name,
        entries=walk.entries,
        skipped=walk.skipped,
        revision=walk.end.revision if walk.end else None,
        hash=walk.end.hash if walk.end else "",
        fault=walk.fault,
    )
