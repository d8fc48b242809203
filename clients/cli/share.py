"""`meridian share`: the customer lets one session reach one address, and nothing else."""

import sys
from typing import Annotated

import typer

from clients.cli.addresses import parse_address
from clients.cli.command import SiteCommand, SiteContext, WaitOption
from clients.clock import wall_unix_ms
from clients.endpoint.forwarding import SharedAddressForwarder
from clients.session.consent import require_consent
from clients.session.facts import endpoint_facts, site_name
from clients.session.key import parse_key
from clients.session.latencies import record_node
from clients.session.live import WAIT_SECONDS, LiveSession, Participant
from clients.session.narration import build_narrator
from clients.session.running import closing_on_signals, run_session
from clients.site.api import site_client
from shared.api.sessions import join_session
from shared.api.trust import trusted_context
from shared.domain.node import Side

AddressArgument = Annotated[str, typer.Argument(metavar="HOST:PORT", help="What may be reached.")]
KeyOption = Annotated[
    str, typer.Option("--key", prompt="session key", help="As your representative read it to you.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="You agree; do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("share", cls=SiteCommand)(share)


def share(
    context: SiteContext,
    address: AddressArgument,
    key: KeyOption,
    yes: YesOption = False,
    wait: WaitOption = WAIT_SECONDS,
) -> None:
    """Let the holder of a session key connect to HOST:PORT, until you press ctrl-C."""
    host, port = parse_address(address)
    session, words = parse_key(key)
    profile = context.profile()
    profile.token = ""
    profile.require_site()
    if not yes:
        require_consent(f"{host}:{port}", f"The holder of session {session}", sys.stdin, sys.stderr)
    with site_client(profile) as client:
        facts = endpoint_facts(client, profile)
        answer = client.ask(join_session(session, facts))
    narrate = build_narrator(as_json=context.prints_json)
    credentials = answer.by_clock(wall_unix_ms()).with_gateways(profile.gateways)
    tls = trusted_context(profile.ca_file)
    customer = Participant(Side.CUSTOMER, words, credentials, tls, wait)

    async def run() -> None:
        live = LiveSession(customer, narrate)
        live.on_node = lambda node: record_node(site_name(profile), node)
        with closing_on_signals(session, live.endpoint.close, narrate):
            narrate("joined", session=session, address=f"{host}:{port}")
            await live.run(SharedAddressForwarder(live.endpoint, live, host, port))

    run_session(run(), narrate)
