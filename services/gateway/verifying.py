"""Has every copy of the log walked to its end, and says whether they are one chain.

The databases come first, so that none can end behind the log. A database's last entry is on the
log's chain if it is the log's last one too, or if an entry of the log names its hash.
"""

from collections.abc import Sequence
from typing import Final, Literal

from shared.api.changes import CopyReport
from shared.domain.errors import Unavailable
from shared.domain.ids import NodeId
from shared.domain.log import LogPosition
from shared.events.config import ChainVerified, VerifyChain
from shared.messaging.ports import Asks

PART_SECONDS: Final = 20.0
"""How long one part of a walk may take."""


async def verify_copies(publisher: Asks, masters: Sequence[NodeId]) -> list[CopyReport]:
    """The log, and the database of each of *masters*."""
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
    """A walk to the end, or to the first fault; no answer is one."""
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
    """The log as the first master reads it who can."""
    walks = [
        ChainVerified(node=NodeId(""), entries=0, skipped=0, is_whole=False, fault="no master")
    ]
    for node in masters:
        walks.append(await _walk(publisher, node, "log"))
        if not walks[-1].fault:
            break
    return walks[-1]


async def _is_on_chain(publisher: Asks, copy: ChainVerified, log: ChainVerified) -> bool:
    """Whether *copy*'s end is an entry of the log; a log that cannot be read accuses nobody."""
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
