"""The cluster as this gateway sees it: the configured nodes, and what each reported."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.gateway.cluster.core.node_clocks import attribute_offsets
from services.gateway.cluster.core.node_report import NodeReport, report_node
from services.gateway.cluster.core.observed import Observed
from services.gateway.cluster.core.survival import MasterFacts, SiteFacts
from shared.domain.clock_offset import ClockOffsets, MeasuredClock
from shared.domain.errors import NoPrimary
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.log_server import LogQuorum
from shared.domain.node import NodeRole
from shared.domain.primary import PrimaryClaim
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory


@dataclass(frozen=True)
class Cluster:
    """The nodes of the site, as *node* hears them; *offsets* are of the clocks that it asked."""

    node: NodeId
    directory: Directory
    observed: Observed
    offsets: ClockOffsets
    clock: Clock

    def masters(self) -> list[NodeId]:
        """Return the masters of the site, by name."""
        nodes = self.directory.nodes.items()
        return sorted(node for node, document in nodes if document.role is NodeRole.MASTER)

    def liveness(self, node: NodeId, now: Instant) -> Liveness | None:
        """Return the liveness of *node* at *now*; None when it never sent a heartbeat."""
        return self.observed.liveness(node, self.directory.require_site().timing, now)

    def seems_alive(self, node: NodeId) -> bool:
        """Say whether *node* sent a heartbeat and is not taken for dead."""
        return self.liveness(node, self.clock.now()) not in {None, Liveness.DEAD}

    def report(self, node: NodeId) -> NodeReport:
        """Return what *node* reported."""
        timing = self.directory.require_site().timing
        return report_node(self.observed, node, timing, self.clock.now())

    def clocks(self) -> Mapping[NodeId, MeasuredClock]:
        """Return the clocks of the nodes that were measured lately, as whose they are."""
        now = self.clock.now()
        found = {node: self.offsets.worst(node, now) for node in self.directory.nodes}
        measured = {node: clock for node, clock in found.items() if clock is not None}
        return attribute_offsets(self.node, measured)

    def find_primary(self) -> PrimaryClaim | None:
        """Return the master that seems to be primary; None when no master says that it is."""
        timing = self.directory.require_site().timing
        return self.observed.primary(self.directory.nodes, timing, self.clock.now())

    def find_log_quorum(self) -> LogQuorum:
        """Return the states of the log's servers, as the primary sees them or any live master."""
        timing, now = self.directory.require_site().timing, self.clock.now()
        primary = self.observed.primary(self.directory.nodes, timing, now)
        first = None if primary is None else primary.node
        masters = sorted(self.masters(), key=lambda node: (node != first, node))
        return LogQuorum(self.observed.log_servers(masters, timing, now))

    def find_facts(self) -> SiteFacts:
        """Return what is known of the masters that are not dead, and of the log's servers."""
        primary = self.find_primary()
        holder = None if primary is None else primary.node
        known = (self._find_master(node, is_primary=node == holder) for node in self.masters())
        return SiteFacts([each for each in known if each is not None], self.find_log_quorum())

    def _find_master(self, node: NodeId, *, is_primary: bool) -> MasterFacts | None:
        """Return what *node* reported; None when its monitor never spoke, or it is dead."""
        report = self.report(node)
        if report.role.acts_as is None:
            return None
        return MasterFacts(
            node,
            is_primary=is_primary,
            could_take_over=bool(report.role.could_take_over),
            reasons=report.role.reasons,
        )

    def require_primary(self) -> PrimaryClaim:
        """Return the master that seems to be primary.

        Raises:
            NoPrimary: no master says that it is.
        """
        primary = self.find_primary()
        if primary is None:
            raise NoPrimary("no master says that it is primary; see `meridian failover check`")
        return primary
