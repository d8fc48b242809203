"""What happens to a site in chaos: each mishap begins, lasts, and is mended.

Which one, to whom and for how long comes from one seed, and from what this machine allows. Disks
survive: a machine that is killed comes back with what it had stored, as after a power cut. A master
that is sick (`sickness`) is so for longer than one that is dead: somebody has to find out.
"""

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.node import NodeRole
from stack.failure import StartFailed
from stack.process_group import NATS, POSTGRES
from stack.site import Site
from tests.system.chaos import sickness
from tests.system.chaos.sickness import Sickness

Direction = tuple[str, str]

LASTS_SECONDS: Final = (0.3, 6.0)
SICK_SECONDS: Final = (3.0, 25.0)
"""Some are over before anybody must have found out, some long after."""

PAUSE_SECONDS: Final = (0.2, 6.0)


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that happens: *verb* to *node* (and its *service*), for so many seconds."""

    verb: str
    node: str
    service: str
    seconds: float
    pause: float

    def __str__(self) -> str:
        what = f"{self.node}.{self.service}" if self.service else self.node
        return f"{self.verb} {what} for {self.seconds:.1f} s"


VERBS: Final = {
    "kill": 5,
    "kill machine": 2,
    "freeze": 4,
    "freeze machine": 2,
    "kill server": 3,
    "cut off": 2,
    "mute": 2,
    "deafen": 2,
    "part masters": 1,
}
"""How often each happens, against the others. *mute*: nothing that the node says arrives."""


def draw(site: Site, chance: random.Random) -> Mishap:
    """The next mishap."""
    verbs = VERBS | sickness.possible()
    verb = chance.choices(list(verbs), list(verbs.values()))[0]
    node = _victim(site, verb, chance)
    lasts = SICK_SECONDS if verb in sickness.VERBS else LASTS_SECONDS
    service = chance.choice(sickness.STALLED) if verb == "stall" else ""
    if verb in {"kill", "freeze"}:
        service = chance.choice(sorted(site.layout.node(node).services))
    if verb == "kill server":
        servers = (NATS, POSTGRES) if site.layout.node(node).postgres else (NATS,)
        service = chance.choice(servers)
    return Mishap(verb, node, service, chance.uniform(*lasts), chance.uniform(*PAUSE_SECONDS))


def _victim(site: Site, verb: str, chance: random.Random) -> str:
    """A node to which *verb* can happen; masters twice as often as others."""
    nodes = [*site.layout.nodes, *site.layout.masters]
    if verb in {"kill", "freeze"}:
        nodes = [node for node in nodes if node.services]
    if verb == "kill server":
        nodes = [node for node in nodes if node.nats]
    if verb == "part masters" or verb in sickness.VERBS:
        nodes = list(site.layout.servers if verb == "log disk full" else site.layout.masters)
    return str(chance.choice(nodes).name)


async def begin(site: Site, sick: Sickness, mishap: Mishap) -> None:
    """Let it happen; what is dead already cannot die again."""
    match mishap.verb:
        case verb if verb in sickness.VERBS:
            await sick.begin(verb, mishap.node, mishap.service)
        case "kill" | "kill server":
            with contextlib.suppress(StartFailed):
                await site.kill_service(mishap.node, mishap.service)
        case "kill machine":
            await site.kill_node(mishap.node)
        case "freeze":
            with contextlib.suppress(StartFailed):
                site.freeze(mishap.node, mishap.service)
        case "freeze machine":
            site.freeze(mishap.node)
        case _:
            await site.cut(directions(site, mishap))


async def mend(site: Site, sick: Sickness, mishap: Mishap) -> None:
    """Let it be over; whoever was killed is brought back by the keeper."""
    sick.end()
    match mishap.verb:
        case "freeze":
            with contextlib.suppress(StartFailed):
                site.thaw(mishap.node, mishap.service)
        case "freeze machine":
            site.thaw(mishap.node)
        case "cut off" | "mute" | "deafen" | "part masters":
            await site.cut(())
        case _:
            pass


def directions(site: Site, mishap: Mishap) -> Sequence[Direction]:
    """Which ways between nodes are cut."""
    node = mishap.node
    others = [str(each.name) for each in site.layout.nodes if each.name != node]
    if mishap.verb == "part masters":
        others = [str(each.name) for each in site.layout.with_role(NodeRole.MASTER)]
        others.remove(node)
    there, back = [(node, other) for other in others], [(other, node) for other in others]
    return {"mute": there, "deafen": back}.get(mishap.verb, there + back)
