"""`meridian arrive`: the customer comes to a public site and waits for somebody of a team.

There is no session key. Both ends show a code; the customer is asked whether it is the same before
anything can be reached. Who agrees beforehand with `--yes` trusts the site instead.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from clients.api import site_client
from clients.commands.addresses import read_address
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.consent import ask_whether_same, require_consent
from clients.endpoint.forwarding import SharedAddress
from clients.facts import endpoint_facts, site_of
from clients.gate import Gate
from clients.latencies import went_by
from clients.live import Live, Part
from clients.narration import Say, build_narrator
from clients.output import plainly
from clients.profile import Profile
from shared.api.queues import ArrivalRequest
from shared.api.queues import arrive as arrive_call
from shared.api.sessions import EndpointFacts
from shared.api.trust import trusted_context
from shared.domain.errors import Forbidden
from shared.domain.node import Side

AddressArgument = Annotated[str, typer.Argument(metavar="HOST:PORT", help="What may be reached.")]
AtOption = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="[NAME@]SITE[/TEAM]",
        help="The public site, by its name or host name; for which team; how you are called.",
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="You agree and trust the site; do not ask, compare no code.")
]


@dataclass(frozen=True, slots=True)
class Shared:
    """What may be reached, and whether a person is there to be asked."""

    host: str
    port: int
    asks: bool


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("arrive")(arrive)


@plainly
def arrive(
    address: AddressArgument,
    at: AtOption,
    yes: YesOption = False,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Wait in a support team's queue, and let whoever takes you connect to HOST:PORT."""
    host, port = read_address(address)
    profile = Profile.load(site, ca)
    profile.token = ""
    profile.require_site()
    if not yes:
        require_consent(f"{host}:{port}", f"Who takes you at {at}", sys.stdin, sys.stderr)
    with site_client(profile) as client:
        request = arrival(at, endpoint_facts(client, profile))
        answer = client.ask(arrive_call(request))
    say = build_narrator(as_json=json)
    say("arrived", session=answer.session, team=answer.team, public_site=answer.public_site)
    credentials = answer.with_gateways(profile.gateways)
    part = Part(Side.CUSTOMER, None, credentials, trusted_context(profile.ca_file))
    shared = Shared(host, port, asks=not yes)
    asyncio.run(_share(part, say, shared, lambda node: went_by(site_of(profile), node)))


def arrival(at: str, facts: EndpointFacts) -> ArrivalRequest:
    """What `[NAME@]SITE[/TEAM]` asks for."""
    name, _, where = at.rpartition("@")
    public_site, _, team = where.partition("/")
    return ArrivalRequest(public_site=public_site, team=team or None, customer=name, facts=facts)


async def _share(part: Part, say: Say, shared: Shared, on_node: Callable[[str], None]) -> None:
    live = Live(part, say)
    live.on_node = on_node
    user = SharedAddress(live.endpoint, live, shared.host, shared.port)
    if not shared.asks:
        await live.run(user)
        return
    gate = Gate(user, lambda: live.endpoint.close("the customer saw another code"))

    def answered(is_same: bool) -> None:
        if is_same:
            say("compared")
        gate.answered(is_same)

    live.on_code = lambda code: ask_whether_same(code, sys.stdin, sys.stderr, answered)
    await live.run(gate)
    if gate.was_refused:
        raise Forbidden(
            "the codes differ: somebody may stand between you and your representative; nothing "
            "was shared"
        )
