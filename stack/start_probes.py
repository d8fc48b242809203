"""Chooses the probes of a starting site, and judges the processes that end meanwhile.

Without a watcher nobody starts a process again, so one that ends fails the wait. With a watcher the
process is started again, or given up; then the rest of the site starts without it. A taken port of
a new site fails the wait in both cases, because the site begins anew with other ports.
"""

from collections.abc import Mapping
from functools import partial

from stack.failure import PortTaken
from stack.layout import FILE
from stack.process_group import ProcessGroup, Watcher
from stack.processes import Child
from stack.readiness import Probe, failure_of
from stack.restarts import Process


def start_probes(
    processes: ProcessGroup, probes: Mapping[Process, Probe]
) -> tuple[dict[str, Probe], tuple[Child, ...]]:
    """Give the probes by name, and the processes that must not end before every probe succeeds."""
    named = {f"{node}.{service}": probe for (node, service), probe in probes.items()}
    watcher = processes.watcher
    if watcher is None:
        return named, tuple(processes.members[process] for process in probes)
    return {
        name: partial(_ask, processes, watcher, process, probe)
        for (name, probe), process in zip(named.items(), probes, strict=True)
    }, ()


async def _ask(
    processes: ProcessGroup, watcher: Watcher, process: Process, probe: Probe
) -> str | None:
    """Ask *probe*, unless its process is given up; None when nobody waits any longer."""
    child = processes.members.get(process)
    if child is not None and not child.is_running and not (processes.layout.state / FILE).exists():
        failure = failure_of(child)
        if isinstance(failure, PortTaken):
            raise failure
    return None if child is None or watcher.given_up(process) else await probe()
