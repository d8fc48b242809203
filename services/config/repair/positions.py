"""Compares the positions of the masters' databases: this master's and those that others report."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from services.config.core.rebuilding import MasterPosition
from shared.clusterlog.generations import read_hash
from shared.clusterlog.log import ClusterLog, EntrySigner
from shared.crypto.nodekeys import TrustStore
from shared.domain.document import Document
from shared.domain.errors import BadSignature, Unavailable
from shared.domain.ids import NodeId, Revision
from shared.events.config import ReadPosition, ReplicaPosition
from shared.events.replication import FollowerState
from shared.messaging.ports import Asks
from shared.persistence.master_state import MasterState

ASK_SECONDS: Final = 3.0
LOST: Final = frozenset({FollowerState.LOG_LOST, FollowerState.DIVERGED})


@dataclass(frozen=True)
class PositionReporter:
    """Reports the position of this master's database.

    *follower* is the last state of this master's own follower; None before it reported one.
    """

    signer: EntrySigner
    state: MasterState
    follower: Callable[[], FollowerState | None]

    async def report(self, revisions: Iterable[Revision] = ()) -> ReplicaPosition:
        """Return this database's position and its hashes at *revisions*, signed.

        Raises:
            StoreUnavailable: the database does not answer, or belongs to no site.
        """
        async with self.state.view() as view:
            position, digest = view.position, digest_of(await view.documents())
        report = ReplicaPosition(
            node=self.signer.node,
            position=position,
            digest=digest,
            follower=self.follower() or "",
            hashes=await self.state.hashes(revisions),
        )
        signature = self.signer.key.sign(report.position_bytes())
        return report.model_copy(update={"signature": signature.hex()})


@dataclass
class MasterPositions:
    """Compares the masters' databases with the log."""

    own: PositionReporter
    trust: TrustStore
    log: ClusterLog
    peers: Asks

    @property
    def others(self) -> tuple[NodeId, ...]:
        """Return the other masters."""
        return tuple(sorted(set(self.trust.masters) - {self.own.signer.node}))

    async def own_position(self) -> MasterPosition:
        """Return the position of this master's database.

        Raises:
            StoreUnavailable: the database does not answer, or belongs to no site.
            LogUnavailable: the log's servers do not answer.
        """
        return await self._compare(await self.own.report())

    async def ask_others(self) -> tuple[list[MasterPosition], list[NodeId]]:
        """Return the positions of the other masters' databases, and the masters that do not answer.

        Raises:
            LogUnavailable: the log's servers do not say whether they hold what a master has.
        """
        positions, silent = list[MasterPosition](), list[NodeId]()
        for node in self.others:
            try:
                report = await self.peers.ask(ReadPosition(node=node), timeout_seconds=ASK_SECONDS)
                self._require_signed(report)
            except (Unavailable, BadSignature) as error:
                log = logging.getLogger("meridian.config")
                log.warning("%s does not report where its database stands: %s", node, error)
                silent.append(node)
            else:
                positions.append(await self._compare(report))
        return positions, silent

    def _require_signed(self, report: ReplicaPosition) -> None:
        """Refuse what *report*'s master did not sign.

        Raises:
            BadSignature: it did not.
        """
        if not self.trust.verify_hex(report.node, report.signature, report.position_bytes()):
            raise BadSignature(f"{report.node} did not sign its position")

    async def _compare(self, report: ReplicaPosition) -> MasterPosition:
        """Return the reported position, and whether the log holds that entry.

        Raises:
            LogUnavailable: the log's servers do not answer.
        """
        position = report.position
        found = await read_hash(self.log.of(position.log_generation), position)
        return MasterPosition(
            report.node,
            position,
            report.digest,
            in_log=position.revision > 0 and found == position.hash,
            calls_lost=report.follower in LOST,
        )


def digest_of(documents: Iterable[Document]) -> str:
    """Return the SHA-256 of *documents*, which come in order, as 64 hex digits."""
    digest = hashlib.sha256()
    for each in documents:
        content = [each.kind, each.id, each.revision, each.body]
        line = json.dumps(content, sort_keys=True, separators=(",", ":"))
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
