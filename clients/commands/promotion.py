"""`meridian failover promote`: a master goes on alone, where there is no quorum any more."""

import time
from typing import Annotated, Final

import typer

from clients.api import site_client
from clients.commands.options import SiteOption
from clients.endpoint.clock import now
from clients.output import plainly, say
from clients.profile import Profile
from shared.api.changes import NewLogGeneration
from shared.api.client import SiteClient
from shared.api.failover import PromotionRequest
from shared.api.failover import promote as promote_call
from shared.domain.errors import BadSettings, MeridianError, ServerNotAlone, Unavailable
from shared.domain.ids import NodeId

PAUSE_SECONDS: Final = 1.0
RISK: Final = (
    "{node} will go on alone. The other side may still have a quorum and accept changes: then the "
    "site has two primaries until it is one again, and what the side that gives way accepted is "
    "put aside as a conflict. Stop the other log servers, or be sure that they are gone."
)
HOW: Final = (
    "waiting until {node}'s NATS server runs alone: stop it, take the block `cluster` out of its "
    "configuration, give it an empty `store_dir`, and start it (docs/operations/disaster.md)"
)


@plainly
def promote(
    node: Annotated[str, typer.Argument(help="The master that is to go on alone.")],
    force: Annotated[
        bool, typer.Option("--force", help="Yes, although there may be two primaries.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", help="So many seconds for the server to run alone.")
    ] = 600.0,
    site: SiteOption = None,
) -> None:
    """Have a master go on alone, without a quorum of the log's servers."""
    if not force or not reason.strip():
        raise BadSettings("a promotion without a quorum needs --force and a --reason")
    say(RISK.format(node=node))
    if not yes:
        typer.confirm(f"promote {node} by force?", abort=True, err=True)
    request = PromotionRequest(node=NodeId(node), force=force, reason=reason)
    with site_client(Profile.load(site)) as client:
        answer = _promoted(client, request, now() + wait)
    say(
        f"{node} goes on alone: generation {answer.log_generation} of the log began at "
        f"revision {answer.revision}, from its database; it is primary in a few seconds"
    )


def waited_for(error: MeridianError, node: str) -> str:
    """What the operator is told to do, or to wait for, after *error*."""
    if isinstance(error, ServerNotAlone):
        return HOW.format(node=node)
    return f"waiting: {error.message}"


def _promoted(client: SiteClient, request: PromotionRequest, until: float) -> NewLogGeneration:
    """What came of it, as soon as the master's server runs alone.

    Raises:
        MeridianError: it was refused, or the server did not run alone in time.
    """
    told = ""
    while True:
        try:
            return client.ask(promote_call(request))
        except (ServerNotAlone, Unavailable) as error:
            if now() >= until:
                raise
            if told != error.code:
                say(waited_for(error, request.node))
            told = error.code
        time.sleep(PAUSE_SECONDS)
