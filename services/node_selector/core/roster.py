"""Keeps the directory and the live state so that a question costs little.

Who may take a client is judged when something is said of a node, not when somebody asks: a
heartbeat, a silence and a change of a document each move that node alone in or out of the pools.
A silence is nobody's message, so it is looked for at the next question, from whoever spoke longest
ago: it costs nothing while everybody speaks.
"""

from collections.abc import Container, Mapping
from typing import Final

from services.node_selector.core.draws import Table, table_of
from services.node_selector.core.eligibility import Candidate, why_not
from services.node_selector.core.liveness import LiveState, Load, Seen, Word
from services.node_selector.core.order import Eligible
from services.node_selector.core.panic import is_panic
from services.node_selector.core.pool import Pool
from services.node_selector.core.prefixes import PrefixTable
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument, Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness

Regions = tuple[str, ...]

NO_SUCH_NODE: Final = "there is no such node"


class Roster:
    """Every node of the directory, and who of them may take a client now."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.live = LiveState()
        self.prefixes = PrefixTable()
        self.table = Table(())
        self._site: SiteDocument | None = None
        self._candidates: dict[NodeId, Candidate] = {}
        self._silent: set[NodeId] = set()
        self._heard = 0
        self._panics = False
        self._eligible: dict[Regions, Eligible] = {}

    def read(self, site: SiteDocument, nodes: Mapping[NodeId, NodeDocument]) -> None:
        """The directory is this now; what was heard before stays known."""
        self._site = site
        for node, candidate in list(self._candidates.items()):
            if nodes.get(node) != candidate.document:
                self._forget(candidate)
        for node, document in nodes.items():
            if node not in self._candidates:
                self._candidates[node] = candidate = Candidate(node, document, None)
                self.prefixes.add(node, document.prefixes)
                if (word := self.live.word(node)) is not None:
                    _take(candidate, word)
        self.table = table_of(self._candidates.values())
        self._heard = sum(each.seen is not None for each in self._candidates.values())
        self._silent = set(filter(self.live.is_silent, self._candidates))
        for candidate in self._candidates.values():
            self._judge(candidate)
        self._judge_panic()

    def relay_spoke(self, node: NodeId, load: Load, now: Instant) -> None:
        """A relay's heartbeat."""
        was_known = self.live.word(node) is not None
        word = self.live.relay_spoke(node, load, now, self._timing.dead_after_seconds)
        candidate = self._candidates.get(node)
        if candidate is None:
            return
        if word.back_at != candidate.back_at:
            self._take_out(candidate)
        _take(candidate, word)
        was_silent = node in self._silent
        self._silent.discard(node)
        self._judge(candidate)
        if was_silent or not was_known:
            self._heard += not was_known
            self._judge_panic()

    def master_spoke(self, node: NodeId, epoch: Epoch, *, is_primary: bool) -> None:
        self.live.master_spoke(node, epoch, is_primary=is_primary)

    def eligible(self, excluded: Regions, now: Instant) -> Eligible:
        """Who may take a client now, outside of the *excluded* regions."""
        self._listen(now)
        if excluded not in self._eligible:
            self._eligible[excluded] = Eligible(Pool(), Pool())
            for candidate in self._candidates.values():
                self._judge(candidate)
        return self._eligible[excluded]

    def why_not(self, node: NodeId, excluded: Container[str], now: Instant) -> str | None:
        """The reason why *node* takes no client now; None when it may."""
        if node not in self._candidates:
            return NO_SUCH_NODE
        candidate = self._candidates[node]
        as_believed = candidate if self._panics else self._as_of(candidate, now)
        return why_not(as_believed, self.version, excluded)

    def deaf_seconds(self, now: Instant) -> float | None:
        """For how long nobody at all was heard, once that is too long to be chance."""
        return self.live.deaf_seconds(now, self._timing.dead_after_seconds)

    def candidates(self, now: Instant) -> list[Candidate]:
        """Everybody as of now, for an explanation."""
        return [self._as_of(candidate, now) for candidate in self._candidates.values()]

    def _as_of(self, candidate: Candidate, now: Instant) -> Candidate:
        seen = self.live.seen(candidate.node, self._timing, now)
        return Candidate(candidate.node, candidate.document, seen, back_at=candidate.back_at)

    @property
    def _timing(self) -> Timing:
        return Timing() if self._site is None else self._site.timing

    def _listen(self, now: Instant) -> None:
        silent = self.live.fallen_silent(now, self._timing.suspect_after_seconds)
        for node in silent:
            if node in self._candidates:
                self._silent.add(node)
                self._judge(self._candidates[node])
        if silent:
            self._judge_panic()

    def _judge(self, candidate: Candidate) -> None:
        """Put one node where it belongs."""
        may = why_not(candidate, self.version) is None
        is_silent = candidate.node in self._silent
        for excluded, eligible in self._eligible.items():
            may_here = may and candidate.document.region not in excluded
            _keep(eligible.sure, candidate, belongs=may_here and not is_silent)
            _keep(eligible.doubtful, candidate, belongs=may_here and is_silent and self._panics)

    def _judge_panic(self) -> None:
        percent = 0 if self._site is None else self._site.selection.panic_threshold_percent
        panics = is_panic(self._heard, len(self._silent), percent)
        if panics != self._panics:
            self._panics = panics
            for node in self._silent:
                self._judge(self._candidates[node])

    def _forget(self, candidate: Candidate) -> None:
        node = candidate.node
        del self._candidates[node]
        self.prefixes.discard(node, candidate.document.prefixes)
        self._take_out(candidate)

    def _take_out(self, candidate: Candidate) -> None:
        for eligible in self._eligible.values():
            eligible.sure.discard(candidate)
            eligible.doubtful.discard(candidate)


def _take(candidate: Candidate, word: Word) -> None:
    """The relay's word as it spoke: whether it is silent since is kept beside the candidates."""
    candidate.seen = Seen(Liveness.ALIVE, 0.0, word.load)
    candidate.back_at = word.back_at


def _keep(pool: Pool, candidate: Candidate, *, belongs: bool) -> None:
    if belongs:
        if candidate.node not in pool.members:
            pool.add(candidate)
    elif candidate.node in pool.members:
        pool.discard(candidate)
