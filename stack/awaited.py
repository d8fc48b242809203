"""What of a crew is waited for while it comes up, and what its ends mean meanwhile.

Nobody starts a process of a plain crew again: one that ends while others wait for it fails the
wait. In a crew with a watcher it is started again, or given up, and then nobody waits for it: the
rest of the site comes up without it. Only a port of a new site that somebody else took fails the
wait there too, because the site begins anew with other ports.
"""

from collections.abc import Mapping
from functools import partial

from stack.crew import Crew, Watcher
from stack.failure import PortTaken
from stack.layout import FILE
from stack.processes import Child
from stack.readiness import Probe, failure_of
from stack.restarts import Process


def awaited(
    crew: Crew, probes: Mapping[Process, Probe]
) -> tuple[dict[str, Probe], tuple[Child, ...]]:
    """The probes by name, and the processes that must not end before all have said yes."""
    named = {f"{node}.{service}": probe for (node, service), probe in probes.items()}
    watcher = crew.watcher
    if watcher is None:
        return named, tuple(crew.members[process] for process in probes)
    return {
        name: partial(_ask, crew, watcher, process, probe)
        for (name, probe), process in zip(named.items(), probes, strict=True)
    }, ()


async def _ask(crew: Crew, watcher: Watcher, process: Process, probe: Probe) -> str | None:
    """Ask *probe*, unless its process is given up; None when nobody waits any longer."""
    child = crew.members.get(process)
    if child is not None and not child.is_running and not (crew.layout.state / FILE).exists():
        failure = failure_of(child)
        if isinstance(failure, PortTaken):
            raise failure
    return None if child is None or watcher.given_up(process) else await probe()
