"""`meridian arrive`: the customer comes to a public site and waits for somebody of a team.

There is no session key. Both ends show a code; the customer is asked whether it is the same before
anything can be reached. Who agrees beforehand with `--yes` trusts the site instead.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from clients.cli.addresses import parse_address
from clients.cli.command import SiteCommand, SiteContext, WaitOption
from clients.clock import wall_unix_ms
from clients.endpoint.forwarding import SharedAddressForwarder
from clients.session.consent import ask_whether_same, require_consent
from clients.session.facts import endpoint_facts, site_name
from clients.session.gate import Gate
from clients.session.latencies import record_node
from clients.session.live import WAIT_SECONDS, LiveSession, Participant
from clients.session.narration import Narration, build_narrator
from clients.session.running import closing_on_signals, run_session
from clients.site.api import site_client
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
class SharedPort:
    """The address that may be reached, and whether a person must compare the code first."""

    host: str
    port: int
    needs_comparison: bool


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("arrive", cls=SiteCommand)(arrive)


def arrive(
    context: SiteContext,
    address: AddressArgument,
    at: AtOption,
    yes: YesOption = False,
    wait: WaitOption = WAIT_SECONDS,
) -> None:
    """Wait in a support team's queue, and let whoever takes you connect to HOST:PORT."""
    host, port = parse_address(address)
    profile = context.profile()
    profile.token = ""
    profile.require_site()
    if not yes:
        require_consent(f"{host}:{port}", f"Who takes you at {at}", sys.stdin, sys.stderr)
    with site_client(profile) as client:
        request = build_arrival(at, endpoint_facts(client, profile))
        answer = client.ask(arrive_call(request))
    narrate = build_narrator(as_json=context.prints_json)
    credentials = answer.by_clock(wall_unix_ms()).with_gateways(profile.gateways)
    tls = trusted_context(profile.ca_file)
    customer = Participant(Side.CUSTOMER, None, credentials, tls, wait)
    shared = SharedPort(host, port, needs_comparison=not yes)
    site = site_name(profile)
    run_session(_share(customer, narrate, shared, lambda node: record_node(site, node)), narrate)


def build_arrival(at: str, facts: EndpointFacts) -> ArrivalRequest:
    """The request for what *at* names: `[NAME@]SITE[/TEAM]`."""
    name, _, place = at.rpartition("@")
    public_site, _, team = place.partition("/")
    return ArrivalRequest(public_site=public_site, team=team or None, customer=name, facts=facts)


async def _share(
    customer: Participant, narrate: Narration, shared: SharedPort, on_node: Callable[[str], None]
) -> None:
    live = LiveSession(customer, narrate)
    live.on_node = on_node
    address = SharedAddressForwarder(live.endpoint, live, shared.host, shared.port)
    mine = customer.credentials
    with closing_on_signals(mine.session, live.endpoint.close, narrate):
        narrate("arrived", session=mine.session, team=mine.team, public_site=mine.public_site)
        if shared.needs_comparison:
            await _run_behind_gate(live, address, narrate)
        else:
            await live.run(address)


async def _run_behind_gate(
    live: LiveSession, address: SharedAddressForwarder, narrate: Narration
) -> None:
    """Carry the session; nothing reaches *address* before a person has compared the code."""
    gate = Gate(address, lambda: live.endpoint.close("the customer saw another code"))

    def on_code(code: str) -> None:
        narrate.hold(sys.stderr)
        ask_whether_same(code, sys.stdin, sys.stderr, on_answer)

    def on_answer(is_same: bool) -> None:
        narrate.release()
        if is_same:
            narrate("compared")
        gate.decide(is_same)

    live.on_code = on_code
    await live.run(gate)
    if gate.was_refused:
        raise Forbidden(
            "the codes differ: somebody may stand between you and your representative; nothing "
            "was shared"
        )
