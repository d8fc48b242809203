"""`meridian arrive`: the customer comes to a public site and waits for somebody of a team.

There is no session key. Both ends show a code; the customer is asked whether it is the same before
anything can be reached. Who agrees beforehand with `--yes` trusts the site instead.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from clients.cli.addresses import parse_address
from clients.cli.command import SiteCall, SiteCommand
from clients.endpoint.forwarding import SharedAddress
from clients.session.channel import Leave
from clients.session.consent import ask_whether_same, require_consent
from clients.session.facts import endpoint_facts, site_name
from clients.session.gate import Gate
from clients.session.latencies import record_node
from clients.session.live import LiveSession, Participant
from clients.session.narration import Narrator, build_narrator
from clients.site.api import SiteClient, trusting
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
    """What may be reached, and whether a person must compare the code first."""

    host: str
    port: int
    needs_comparison: bool


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("arrive", cls=SiteCommand)(arrive)


def arrive(call: SiteCall, address: AddressArgument, at: AtOption, yes: YesOption = False) -> None:
    """Wait in a support team's queue, and let whoever takes you connect to HOST:PORT."""
    host, port = parse_address(address)
    profile = call.profile()
    profile.token = ""
    profile.require_site()
    if not yes:
        require_consent(f"{host}:{port}", f"Who takes you at {at}", sys.stdin, sys.stderr)
    with SiteClient(profile) as client:
        body = {**parse_destination(at), "facts": endpoint_facts(client, profile)}
        answer = client.call("POST", "/queue", body)
    narrate = build_narrator(as_json=call.prints_json)
    narrate("arrived", **{name: answer[name] for name in ("session", "team", "public_site")})
    leave = Leave.read(answer, profile.gateways)
    customer = Participant(Side.CUSTOMER, None, leave, trusting(profile.ca_file))
    shared = SharedPort(host, port, needs_comparison=not yes)
    site = site_name(profile)
    asyncio.run(_share(customer, narrate, shared, lambda node: record_node(site, node)))


def parse_destination(at: str) -> dict[str, Any]:
    """The public site, the team and the customer's name in `[NAME@]SITE[/TEAM]`."""
    name, _, place = at.rpartition("@")
    public_site, _, team = place.partition("/")
    return {"public_site": public_site, "team": team or None, "customer": name}


async def _share(
    customer: Participant, narrate: Narrator, shared: SharedPort, on_node: Callable[[str], None]
) -> None:
    live = LiveSession(customer, narrate)
    live.on_node = on_node
    address = SharedAddress(live.endpoint, live, shared.host, shared.port)
    if not shared.needs_comparison:
        await live.run(address)
        return
    gate = Gate(address, lambda: live.endpoint.close("the customer saw another code"))

    def on_answer(is_same: bool) -> None:
        if is_same:
            narrate("compared")
        gate.decide(is_same)

    live.on_code = lambda code: ask_whether_same(code, sys.stdin, sys.stderr, on_answer)
    await live.run(gate)
    if gate.was_refused:
        raise Forbidden(
            "the codes differ: somebody may stand between you and your representative; nothing "
            "was shared"
        )
