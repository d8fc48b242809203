"""`meridian share`: the customer lets one session reach one address, and nothing else."""

import asyncio
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from clients.api import site_client
from clients.commands.addresses import read_address
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.consent import require_consent
from clients.endpoint.forwarding import SharedAddress
from clients.facts import endpoint_facts, site_of
from clients.latencies import went_by
from clients.live import Live, Part
from clients.narration import Say, build_narrator
from clients.output import plainly
from clients.profile import Profile
from clients.words import parse_key
from shared.api.sessions import join_session
from shared.api.trust import trusted_context
from shared.domain.node import Side

AddressArgument = Annotated[str, typer.Argument(metavar="HOST:PORT", help="What may be reached.")]
KeyOption = Annotated[
    str, typer.Option("--key", prompt="session key", help="As your representative told you.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="You agree; do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("share")(share)


@plainly
def share(
    address: AddressArgument,
    key: KeyOption,
    yes: YesOption = False,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Let the holder of a session key connect to HOST:PORT, until you press ctrl-C."""
    host, port = read_address(address)
    session, words = parse_key(key)
    profile = Profile.load(site, ca)
    profile.token = ""
    profile.require_site()
    if not yes:
        require_consent(f"{host}:{port}", f"The holder of session {session}", sys.stdin, sys.stderr)
    with site_client(profile) as client:
        facts = endpoint_facts(client, profile)
        answer = client.ask(join_session(session, facts))
    say = build_narrator(as_json=json)
    say("joined", session=session, address=f"{host}:{port}")
    credentials = answer.with_gateways(profile.gateways)
    part = Part(Side.CUSTOMER, words, credentials, trusted_context(profile.ca_file))
    asyncio.run(_share(part, say, (host, port), lambda node: went_by(site_of(profile), node)))


async def _share(
    part: Part, say: Say, address: tuple[str, int], on_node: Callable[[str], None]
) -> None:
    live = Live(part, say)
    live.on_node = on_node
    await live.run(SharedAddress(live.endpoint, live, *address))
