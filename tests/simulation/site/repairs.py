"""What an operator does to a site whose log is lost, or has no quorum any more.

Each order goes to a node's own services, and is carried out or refused there.
"""

from typing import Any, Final

from shared.domain.ids import NodeId
from shared.events.config import PromoteAlone, RebuildLog
from shared.events.message import Request
from shared.events.replication import FollowerState, SyncNow
from tests.simulation.failover.world import NODES
from tests.simulation.site.questions import Answer, Answered
from tests.simulation.site.site import TRAFFIC, Site

OPERATOR: Final = "rita"
TRIES_EVERY_SECONDS: Final = 3.0


def lose_files(site: Site) -> None:
    """Every server of the log loses its files: the log, and the lease."""
    site.record("the log's servers lose their files")
    site.servers.lose()
    site.bucket.lose()


def start_alone(site: Site) -> None:
    """One server is started in no cluster, with an empty store; it needs no other one."""
    lose_files(site)
    site.servers.is_down = site.bucket.is_down = False
    site.servers.is_alone = True


def rejoin(site: Site) -> None:
    """Every server begins empty, as one cluster."""
    lose_files(site)
    site.servers.is_down = site.bucket.is_down = site.servers.is_alone = False


def rebuilding(node: NodeId, *, is_forced: bool = False) -> RebuildLog:
    return RebuildLog(node=node, force=is_forced, author=OPERATOR, reason="it burnt")


def promotion(node: NodeId, reason: str) -> PromoteAlone:
    return PromoteAlone(node=node, force=True, author=OPERATOR, reason=reason)


def order(site: Site, request: Request[Any], answered: Answered) -> None:
    """Have a node do something; *answered* gets the answer, or the error."""
    site.questions.ask(site.gateway_node, request, answered)


def is_log_lost(site: Site) -> bool:
    """Whether the generation that the history is in has no stream."""
    return site.ledger.generation not in site.servers.streams


def keep_rebuilding(site: Site) -> None:
    """Have either master rebuild the log, again and again until it is there."""
    if is_log_lost(site):
        order(site, rebuilding(site.random.choice(NODES)), _whatever)
        site.at(site.now + TRIES_EVERY_SECONDS, keep_rebuilding, site)


def resync_diverged(site: Site) -> None:
    """Have every copy that reports that it is diverged begin from a snapshot."""
    followers = {node: each.follows for node, each in site.services.items()}
    if site.follows is not None:
        followers[TRAFFIC] = site.follows
    for node, follows in followers.items():
        if follows.following.state is FollowerState.DIVERGED:
            order(site, SyncNow(node=node, resync=True), _whatever)


def _whatever(_: Answer) -> None:
    """An operator who tries again does not read why it was refused."""
