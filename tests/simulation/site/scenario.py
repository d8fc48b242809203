"""Scenarios of a whole site: a seed injects the faults of the lease, and those of the log.

As in the scenarios of the lease alone, faults come in bursts, changes are asked for all the while,
and a bounded time after the faults were ended the site must be whole again: one primary that
accepts a change, and every copy at the end of the log.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from shared.domain.ids import RequestId
from shared.domain.log import ReplicationMode
from tests.simulation.failover import scenario as failover
from tests.simulation.failover.faults import ELECTION_SECONDS, NO_FAULTS
from tests.simulation.failover.promises import Promises
from tests.simulation.failover.scenario import SETTLED
from tests.simulation.failover.world import NODES, World
from tests.simulation.site import repairs
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.site import TRAFFIC, Site
from tests.simulation.site.switch import give_way, switch_over

EVERYBODY: Final = (*NODES, TRAFFIC)
STALE_SECONDS: Final = (1.0, 10.0)
CHANGES_PER_SECOND: Final = 1.0
REBUILT_SECONDS: Final = 35.0
"""How much longer it may take when the log is lost: 20 s to call it so, by slow clocks."""

CHECK_EVERY_SECONDS: Final = 5.0
Fault = Callable[[Site], None]


def new_site(seed: int, preset: str = "local") -> Site:
    """Return a site whose nodes start within its first second."""
    site = Site(seed, preset)
    site.ask_promises = Promises(site).ask
    site.give_way = partial(give_way, site)
    for node in NODES:
        site.at(site.random.uniform(0, 1), site.start, node)
    site.at(site.random.uniform(0, 1), site.start_services, TRAFFIC)
    return site


def restart_services(site: Site) -> None:
    site.start_services(site.random.choice(EVERYBODY))


def crash_services(site: Site) -> None:
    site.crash_services(site.random.choice(EVERYBODY))


def freeze_services(site: Site) -> None:
    site.freeze_services(site.random.choice(EVERYBODY), site.random.uniform(0.1, 8))


def lose_database(site: Site) -> None:
    database = site.databases[site.random.choice(EVERYBODY)]
    database.is_down = not database.is_down


def refuse_commits(site: Site) -> None:
    site.databases[site.random.choice(EVERYBODY)].refusals += site.random.randint(1, 3)


def sicken_database(site: Site) -> None:
    """A master's database refuses writes, waits for a lock or has a slow disk; or is well again."""
    database = site.databases[site.random.choice(NODES)]
    match site.random.randint(0, 2):
        case 0:
            database.writes_refused = "" if database.writes_refused else "the disk is full"
        case 1:
            database.is_locked = not database.is_locked
        case _:
            database.write_seconds = 0.0 if database.write_seconds else site.random.uniform(0.1, 5)


def fill_disk(site: Site) -> None:
    site.servers.is_full = not site.servers.is_full


def elect_log(site: Site) -> None:
    """The log's leader is gone; the old one may answer readers from the past for a while."""
    servers, stream = site.servers, site.servers.newest
    servers.is_down = True
    if site.random.random() < 0.5 and stream is not None:
        stream.stale_end = max(0, len(stream.messages) - site.random.randint(0, 4))
        stale = site.now + site.random.uniform(*STALE_SECONDS)
        site.at(stale, setattr, stream, "stale_end", None)
    elected = site.now + site.random.uniform(*ELECTION_SECONDS)
    site.at(elected, setattr, servers, "is_down", False)


def lose_appends(site: Site) -> None:
    """A leader remembers appends, and is deposed before they are in the log."""
    site.servers.loses += site.random.randint(1, 2)


def elect_both(site: Site) -> None:
    elect_log(site)
    site.elect()


def forge(site: Site) -> None:
    """Somebody who is no master writes into the log: garbage, or an old message again."""
    stream, again = site.servers.newest, site.random.random() < 0.5
    if stream is not None:
        is_old = again and bool(stream.messages)
        stream.put(site.random.choice(stream.messages) if is_old else site.random.randbytes(20))


def lose_log(site: Site) -> None:
    """The log's servers lose their files; an operator tries to rebuild it until it is there."""
    repairs.lose_files(site)
    site.at(site.now + site.random.uniform(0, 10), repairs.keep_rebuilding, site)


def spoil_lease(site: Site) -> None:
    """Somebody who is no master writes into the lease's key, or deletes it."""
    failover.spoil(site)


def set_clock(site: Site) -> None:
    """Somebody sets the clock that people read."""
    site.set_by_seconds[site.random.choice(NODES)] = site.random.uniform(-1e6, 1e6)


def monitor_fault(site: Site) -> None:
    """Inject a fault of the monitors, as in the scenarios of the lease alone."""
    site.random.choice(MONITOR_FAULTS)(site, site.random.choice(NODES))


def start_switchover(site: Site) -> None:
    switch_over(site)


MONITOR_FAULTS: Final = (
    *(failover.crash_or_start, failover.start, failover.freeze, failover.suspend, failover.elect),
    *(failover.change_fault_plan, failover.cut_one_way, failover.cut_one_way, failover.cut_off),
)
FAULTS: Final[tuple[Fault, ...]] = (
    *([monitor_fault] * 8),
    *(start_switchover, start_switchover, restart_services, crash_services, freeze_services),
    *(lose_database, refuse_commits, sicken_database, sicken_database),
    *(fill_disk, lose_appends, elect_log, elect_both, lose_log, forge, spoil_lease, set_clock),
)


def end_faults(site: Site) -> None:
    """End every fault but those that end by themselves."""
    failover.end_faults(site)
    site.servers.is_full, site.servers.loses = False, 0
    for node in EVERYBODY:
        database = site.databases[node]
        database.is_down, database.refusals = False, 0
        database.writes_refused, database.is_locked, database.write_seconds = "", False, 0.0
        if site.processes[node].is_dead:
            site.start_services(node)


def settle(site: Site) -> None:
    """Let the site recover, with an operator who does what it cannot do by itself."""
    end = site.now + SETTLED[site.preset]
    if repairs.is_log_lost(site):
        end += REBUILT_SECONDS
    while site.now < end:
        repairs.resync_diverged(site)
        site.run(min(end, site.now + CHECK_EVERY_SECONDS))


def run_faults(site: Site, *faults: Fault, seconds: float = failover.SCENARIO_SECONDS) -> Site:
    """Inject *faults* in bursts, with changes all the while."""
    gateway = Gateway(site)
    is_repaired = False
    while site.now < seconds or not is_repaired:
        site.run(site.now + site.random.uniform(*failover.QUIET_SECONDS))
        fault_burst(site, gateway, *faults)
        is_repaired = site.random.random() < failover.REPAIR_CHANCE
        if is_repaired:
            end_faults(site)
            settle(site)
            check_healed(site, gateway)
    site.ledger.check_kept()
    return site


def fault_burst(site: Site, gateway: Gateway, *faults: Fault) -> None:
    """Inject faults, and ask for changes at the same time."""
    end = site.now + failover.BURST_SECONDS[1]
    when = site.now
    while when < end:
        site.at(when, _ask, gateway)
        when += site.random.expovariate(CHANGES_PER_SECOND)
    failover.fault_burst(site, *(partial(_inject, each) for each in faults))


def _inject(fault: Fault, world: World) -> None:
    assert isinstance(world, Site), "a site's faults concern a site"
    world.record(getattr(fault, "__name__", "fault"))
    fault(world)


def _ask(gateway: Gateway) -> None:
    gateway.ask()


def check_healed(site: Site, gateway: Gateway) -> None:
    """One primary, which accepts a change; every copy has it, and the backup is attached."""
    failover.check_healed(site)
    asked = gateway.ask(is_put=True)
    site.run(site.now + 10)
    _require_accepted(site, asked)
    end = site.ledger.position
    places = {node: site.position_of(node).revision for node in EVERYBODY}
    assert set(places.values()) == {end.revision}, f"the log is at {end.revision}, copies {places}"
    modes = {site.databases[node].here.mode for node in NODES}
    assert modes == {ReplicationMode.SYNCHRONOUS}, "the backup is not attached"


def _require_accepted(site: Site, asked: RequestId) -> None:
    assert asked in site.ledger.acknowledged, f"{asked} was not accepted in 10 s"


def play(seed: int, on_line: Callable[[str], None] | None = None) -> Site:
    """Play the scenario of *seed*; its preset and its faults follow from the seed."""
    chance = Random(seed)
    site = new_site(seed, chance.choice(failover.PRESETS_BY_CHANCE))
    site.fault_plan = NO_FAULTS
    site.on_line = on_line
    try:
        return run_faults(site, *FAULTS)
    finally:
        site.end()
