"""A whole site in the seeded world: two masters and a traffic node on one log and one lease.

The monitors' cores, config's writer and replication's followers are the product's own. The world
carries their messages and calls by its fault plan, and never judges: the `Judge` checks the lease,
the `Ledger` the log and its copies.
"""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from services.failover_monitor.core.effects import Effect, Grant
from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION, Proof
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.health.check import HealthCheck
from services.replication.core.snapshot import Snapshot
from shared.clusterlog.log import verify
from shared.domain.errors import MeridianError
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.domain.log import LogPosition
from shared.domain.snapshot import Scope
from shared.events.config import ProposeChanges
from shared.events.conflict import ConflictKept
from shared.events.failover import MasterGranted
from shared.events.message import Event
from shared.events.proof import ServiceProof
from shared.events.replication import (
    FollowerProgressed,
    FollowerState,
    FollowerStateChanged,
    LogRebuilt,
)
from shared.messaging.middleware import Silent
from tests.fakes.follower_store import MemoryFollowerStore
from tests.fakes.log_servers import LogServers
from tests.fakes.masters import first_changes
from tests.integration.entries import EntryWriter
from tests.simulation.failover.master import Master
from tests.simulation.failover.services import Services
from tests.simulation.failover.world import MOMENT, NODES, NOTHING, World
from tests.simulation.site.database import Database
from tests.simulation.site.keys import CheapKey, CheapTrust
from tests.simulation.site.ledger import Ledger
from tests.simulation.site.process import Process
from tests.simulation.site.questions import Peers, Questions
from tests.simulation.site.services import KERNEL, RELEASE, Follows, Masters, Outside
from tests.simulation.site.wire import Wire, WiredLog, WiredServer

TRAFFIC: Final = NodeId("berlin")
CLUSTER: Final = ClusterId("0123456789abcdef")
GENERATION: Final = LogGeneration(1)
Work = Callable[..., Coroutine[Any, Any, Any]]
KEYS: Final = {node: CheapKey(node) for node in (*NODES, TRAFFIC)}
PINNED: Final = {node: KEYS[node].public_b64 for node in NODES}


class SiteProofs:
    """The proofs of *node*'s services as its monitor has them: its gateway always answers."""

    def __init__(self, site: "Site", node: NodeId) -> None:
        self._site = site
        self._node = node
        self._proofs: tuple[Proof, ...] = ()

    def proofs(self) -> tuple[Proof, ...]:
        """The last answers; what does not answer now is as it was."""
        site, now = self._site, self._site.masters[self._node].clock(self._site.now)
        answer = site.proves(self._node)
        if answer is not None:
            about = (answer.worked_at, answer.refusals, answer.cause, answer.epoch)
            others = (Proof(service, now, now) for service in (REPLICATION, GATEWAY))
            self._proofs = (Proof(CONFIG, now, *about), *others)
        return self._proofs


class Site(World):
    """Everything that happens at a site."""

    def __init__(self, seed: int, preset: str = "local") -> None:
        super().__init__(seed, preset)
        trust = CheapTrust(CLUSTER, GENERATION, dict(PINNED))
        self.ledger = Ledger(
            GENERATION,
            verify=lambda stored: verify(stored, trust),
            copies=self.position_of,
            masters=NODES,
            kept=self._kept,
        )
        self.servers = LogServers(self.ledger.came)
        self.databases = {node: Database(node, self.ledger.committed) for node in (*NODES, TRAFFIC)}
        self.services: dict[NodeId, Masters] = {}
        idle = Services(self.random)
        self.traffic_node = Master(TRAFFIC, self.random.uniform(10, 1000), self._rate(), idle)
        self.gateway_node = Master(NodeId("gateway"), 0.0, 1.0, idle)
        self.follows: Follows | None = None
        self.set_by_seconds: dict[NodeId, float] = {}
        self.facts: list[Event] = []
        """The events about the log and its copies that the services published for tools outside."""

        self.questions = Questions(self)
        founder = NODES[0]
        founding = EntryWriter(KEYS[founder], founder).write(*first_changes(dict(PINNED), {}))
        self.servers.create(GENERATION).put(founding.encode())
        self.processes: dict[NodeId, Process] = {}
        self.monitors: dict[NodeId, Process] = {}
        self.examiners: dict[NodeId, HealthCheck] = {}

    def start(self, node: NodeId) -> None:
        """The whole machine starts: the monitor with its examiner, config and replication."""
        self.start_services(node)
        process, of = self._born(node)
        store = MemoryFollowerStore(self.databases[node])
        log = WiredLog(Wire(self, self.servers, process), GENERATION)
        proofs = SiteProofs(self, node)
        self.examiners[node] = HealthCheck(node, proofs, store, log, of[2], OtherReleases(RELEASE))
        self.monitors[node] = process
        super().start(node)

    def crash(self, node: NodeId) -> None:
        self.crash_services(node)
        self.monitors[node].kill()
        super().crash(node)

    def freeze(self, node: NodeId, seconds: float) -> None:
        super().freeze(node, seconds)
        self.freeze_services(node, seconds)
        self.monitors[node].frozen_until = self.masters[node].frozen_until

    def start_services(self, node: NodeId) -> None:
        """Config and replication of *node* start; a traffic node has replication alone."""
        self.crash_services(node)
        database = self.databases[node]
        database.reconnect()
        process, of = self._born(node)
        self.processes[node] = process
        wire = Wire(self, self.servers, process)
        log = WiredLog(wire, GENERATION)
        outside = Outside(
            *(self._progress_published, self._offered, lambda: self.set_by_seconds.get(node, 0)),
            *(self._event_published, Peers(self.questions, process), WiredServer(wire)),
            self.preset,
        )
        if node == TRAFFIC:
            self.follows = Follows(of, process, log, database, outside, Scope.DIRECTORY)
        else:
            self.services[node] = Masters(of, process, log, database, outside)

    def _born(self, node: NodeId) -> tuple[Process, tuple[NodeId, CheapKey, CheapTrust]]:
        """A new process on *node*'s machine, and whose it is."""
        master = self.traffic_node if node == TRAFFIC else self.masters[node]
        trust = CheapTrust(CLUSTER, GENERATION, dict(PINNED))
        process = Process(master, self.event_queue)  # type: ignore[abstract]  # pyright: ignore[reportAbstractUsage] - it has what services use
        return process, (node, KEYS[node], trust)

    def crash_services(self, node: NodeId) -> None:
        """Config and replication of *node* die; its monitor does not."""
        if node in self.processes:
            self.processes[node].kill()

    def end(self) -> None:
        """End the scenario: every process dies."""
        for process in (*self.processes.values(), *self.monitors.values()):
            process.kill()

    def freeze_services(self, node: NodeId, seconds: float) -> None:
        process = self.processes.get(node)
        if process is not None:
            process.frozen_until = max(process.frozen_until, self.now + seconds)

    def propose(self, node: NodeId, proposal: ProposeChanges) -> None:
        """A gateway's proposal comes to *node*."""
        self.ask_config(node, self._proposed, node, proposal)

    async def _proposed(self, node: NodeId, proposal: ProposeChanges) -> None:
        answer = await self.services[node].writer.propose(proposal)
        self.ledger.answered(proposal.request_id, answer)

    def ask_config(self, node: NodeId, work: Work, *args: Any) -> None:
        """*work* is done in the process of config on *node*, if there is one."""
        if self._runs(node):
            self.processes[node].begin(_unless_refused(work, *args))

    def epoch_of(self, master: Master) -> Epoch:
        """The epoch that a master's own database has."""
        return self.position_of(master.node).epoch

    def position_of(self, node: NodeId) -> LogPosition:
        return self.databases[node].here.position

    def proves(self, node: NodeId) -> ServiceProof | None:
        """What config of *node* answers now; None while it is dead or frozen."""
        if not self._runs(node) or self.now < self.processes[node].frozen_until:
            return None
        masters, now = self.services[node], self.masters[node].clock(self.now)
        epoch = masters.writer.accepted_epoch or Epoch(0)
        return masters.replica.commits.prove(node, epoch, now)

    def _runs(self, node: NodeId) -> bool:
        process = self.processes.get(node)
        return process is not None and not process.is_dead

    def _grant(self, master: Master, grant: Grant) -> None:
        """The monitor's word to config of the same machine; others use it when it is a pause."""
        grant_event = MasterGranted(
            node=master.node,
            epoch=grant.epoch,
            boot_id=KERNEL,
            valid_until=grant.valid_until,
            paused=grant.paused,
            planned=grant.planned,
        )
        end = master.true(grant.valid_until)
        if not grant.paused and end > self.now + MOMENT:
            self.judge.may_act(master.instance, grant.epoch, end)
        if not master.is_cut_off:
            hearers = self.masters.values() if grant.paused else (master,)
            for hearer in hearers:
                self.carry(master, hearer, self._granted, hearer.node, grant_event)

    def _granted(self, node: NodeId, grant: MasterGranted) -> None:
        self.ask_config(node, lambda: self.services[node].writer.accept_grant(grant))

    def _check(self, master: Master) -> tuple[Effect, ...]:
        """The examiner looks, in the monitor's process."""
        self.monitors[master.node].begin(self._examined(master))
        return NOTHING

    async def _examined(self, master: Master) -> None:
        self._was_checked(master, await self.examiners[master.node].check())

    def _progress_published(self, event: FollowerProgressed) -> None:
        """A follower's word to the masters."""
        sender = self.masters.get(event.node, self.traffic_node)
        for master in self.masters.values():
            self.carry(sender, master, self._progress_received, master.node, event)

    def _progress_received(self, node: NodeId, event: FollowerProgressed) -> None:
        self.ask_config(node, lambda: self.services[node].write.on_progress(event))

    def carry(
        self, sender: Master, receiver: Master, action: Callable[..., None], *args: Any
    ) -> None:
        """A message goes from one node to another."""
        if sender is not receiver and (sender.mute or receiver.deaf):
            return
        if self.fault_plan.is_fault_free:
            action(*args)
            return
        for _ in range(self.times()):
            if self.random.random() >= self.fault_plan.lost:
                self.at(self.now + self.delay(), action, *args)

    def _offered(self, asking: NodeId, scope: Scope) -> Snapshot | None:
        """What another master that can be reached has."""
        for node in NODES:
            if node != asking and self._offers(node):
                here = self.databases[node].here
                documents = tuple(here.documents_by_ref.values())
                requests = tuple(here.requests.values())
                return Snapshot(here.position, here.mode, documents, requests).within(scope)
        return None

    def _offers(self, node: NodeId) -> bool:
        """Whether a master can be reached, and follows the log."""
        if not self._runs(node) or self.masters[node].is_cut_off:
            return False
        return self.services[node].follows.following.state is FollowerState.FOLLOWING

    def _event_published(self, event: Event) -> None:
        if isinstance(event, LogRebuilt):
            self.ledger.rebuilt(event)
        if isinstance(event, LogRebuilt | ConflictKept | FollowerStateChanged):
            self.facts.append(event)

    def _kept(self) -> set[str]:
        """The entries that masters keep as conflicts, by their hashes."""
        kept = (each for node in NODES for each in self.databases[node].conflicts.values())
        return {stored.hash for each in kept for stored in each.entries}


async def _unless_refused(work: Work, *args: Any) -> None:
    """What a handler raises becomes an answer, or nothing, in the product too."""
    with suppress(MeridianError, Silent):
        await work(*args)
