"""Keeps the directory and the live state so that a question costs little.

The roster decides who may take a client when something changes, not when a client asks: a
heartbeat, a silence and a changed document each move that one node in or out of the pools.
Nobody reports a silence, so each question first checks the relays in the order of their last
heartbeats; the check stops at the first that is not silent.
"""

from collections.abc import Container, Mapping
from typing import Final

from services.node_selector.core.eligibility import Candidate, refusal_reason
from services.node_selector.core.live_state import LiveState, Load, RelayRecord, RelayStatus
from services.node_selector.core.panic import is_panic
from services.node_selector.core.pool import Pool
from services.node_selector.core.prefixes import PrefixTable
from services.node_selector.core.ranking import EligiblePools
from services.node_selector.core.sampling import WeightTable, build_weight_table
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument, Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness

Regions = tuple[str, ...]

NO_SUCH_NODE: Final = "there is no such node"


class Roster:
    """Every node of the directory, and which of them may take a client now."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.live = LiveState()
        self.prefixes = PrefixTable()
        self.table = WeightTable(())
        self._site: SiteDocument | None = None
        self._candidates: dict[NodeId, Candidate] = {}
        self._silent: set[NodeId] = set()
        self._heard = 0
        self._in_panic = False
        self._eligible: dict[Regions, EligiblePools] = {}

    def update_directory(self, site: SiteDocument, nodes: Mapping[NodeId, NodeDocument]) -> None:
        """Replace the directory; what was heard of nodes before stays known."""
        self._site = site
        for node, candidate in list(self._candidates.items()):
            if nodes.get(node) != candidate.document:
                self._forget(candidate)
        for node, document in nodes.items():
            if node not in self._candidates:
                self._candidates[node] = candidate = Candidate(node, document, None)
                self.prefixes.add(node, document.prefixes)
                if (record := self.live.record_of(node)) is not None:
                    _apply_record(candidate, record)
        self.table = build_weight_table(self._candidates.values())
        self._heard = sum(each.status is not None for each in self._candidates.values())
        self._silent = set(filter(self.live.is_silent, self._candidates))
        for candidate in self._candidates.values():
            self._update_pools(candidate)
        self._update_panic()

    def record_relay(self, node: NodeId, load: Load, now: Instant) -> None:
        """Record a relay's heartbeat."""
        was_known = self.live.record_of(node) is not None
        record = self.live.record_relay(node, load, now, self._timing.dead_after_seconds)
        candidate = self._candidates.get(node)
        if candidate is None:
            return
        if record.back_at != candidate.back_at:
            self._discard(candidate)
        _apply_record(candidate, record)
        was_silent = node in self._silent
        self._silent.discard(node)
        self._update_pools(candidate)
        if was_silent or not was_known:
            self._heard += not was_known
            self._update_panic()

    def record_master(self, node: NodeId, epoch: Epoch, *, is_primary: bool) -> None:
        self.live.record_master(node, epoch, is_primary=is_primary)

    def eligible(self, excluded: Regions, now: Instant) -> EligiblePools:
        """Return the nodes that may take a client now, outside of the *excluded* regions."""
        self._check_silence(now)
        if excluded not in self._eligible:
            self._eligible[excluded] = EligiblePools(Pool(), Pool())
            for candidate in self._candidates.values():
                self._update_pools(candidate)
        return self._eligible[excluded]

    def why_not(self, node: NodeId, excluded: Container[str], now: Instant) -> str | None:
        """Say why *node* takes no client now; None when it may."""
        if node not in self._candidates:
            return NO_SUCH_NODE
        candidate = self._candidates[node]
        as_believed = candidate if self._in_panic else self._as_of(candidate, now)
        return refusal_reason(as_believed, self.version, excluded)

    def feed_lost_seconds(self, now: Instant) -> float | None:
        """Return how long no relay at all was heard, once that is too long to be chance."""
        return self.live.feed_lost_seconds(now, self._timing.dead_after_seconds)

    def candidates(self, now: Instant) -> list[Candidate]:
        """Return every node as of now, for an explanation."""
        return [self._as_of(candidate, now) for candidate in self._candidates.values()]

    def _as_of(self, candidate: Candidate, now: Instant) -> Candidate:
        status = self.live.status_of(candidate.node, self._timing, now)
        return Candidate(candidate.node, candidate.document, status, back_at=candidate.back_at)

    @property
    def _timing(self) -> Timing:
        return Timing() if self._site is None else self._site.timing

    def _check_silence(self, now: Instant) -> None:
        silent = self.live.take_newly_silent(now, self._timing.suspect_after_seconds)
        for node in silent:
            if node in self._candidates:
                self._silent.add(node)
                self._update_pools(self._candidates[node])
        if silent:
            self._update_panic()

    def _update_pools(self, candidate: Candidate) -> None:
        """Put one node into the pools that it belongs to."""
        may = refusal_reason(candidate, self.version) is None
        is_silent = candidate.node in self._silent
        for excluded, eligible in self._eligible.items():
            may_here = may and candidate.document.region not in excluded
            counts_as_doubtful = is_silent and self._in_panic
            _set_membership(eligible.sure, candidate, belongs=may_here and not is_silent)
            _set_membership(eligible.doubtful, candidate, belongs=may_here and counts_as_doubtful)

    def _update_panic(self) -> None:
        percent = 0 if self._site is None else self._site.selection.panic_threshold_percent
        in_panic = is_panic(self._heard, len(self._silent), percent)
        if in_panic != self._in_panic:
            self._in_panic = in_panic
            for node in self._silent:
                self._update_pools(self._candidates[node])

    def _forget(self, candidate: Candidate) -> None:
        node = candidate.node
        del self._candidates[node]
        self.prefixes.discard(node, candidate.document.prefixes)
        self._discard(candidate)

    def _discard(self, candidate: Candidate) -> None:
        for eligible in self._eligible.values():
            eligible.sure.discard(candidate)
            eligible.doubtful.discard(candidate)


def _apply_record(candidate: Candidate, record: RelayRecord) -> None:
    """Set the status of the moment of the heartbeat; the roster keeps apart who is silent since."""
    candidate.status = RelayStatus(Liveness.ALIVE, 0.0, record.load)
    candidate.back_at = record.back_at


def _set_membership(pool: Pool, candidate: Candidate, *, belongs: bool) -> None:
    if belongs:
        if candidate.node not in pool.members:
            pool.add(candidate)
    elif candidate.node in pool.members:
        pool.discard(candidate)
