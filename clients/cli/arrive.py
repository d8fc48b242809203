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

from clients.cli.addresses import read_address
from clients.cli.options import CaOption, JsonOption, SiteOption
from clients.cli.output import plainly
from clients.endpoint.forwarding import SharedAddress
from clients.session.channel import Leave
from clients.session.consent import ask_whether_same, require_consent
from clients.session.facts import endpoint_facts, site_of
from clients.session.gate import Gate
from clients.session.latencies import went_by
from clients.session.live import Live, Part
from clients.session.narration import Say, build_narrator
from clients.site.api import SiteClient, trusting
from clients.site.profile import Profile
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
    with SiteClient(profile) as client:
        wish = {**read_wish(at), "facts": endpoint_facts(client, profile)}
        answer = client.call("POST", "/queue", wish)
    say = build_narrator(as_json=json)
    say("arrived", **{name: answer[name] for name in ("session", "team", "public_site")})
    leave = Leave.read(answer, profile.gateways)
    part = Part(Side.CUSTOMER, None, leave, trusting(profile.ca_file))
    shared = Shared(host, port, asks=not yes)
    asyncio.run(_share(part, say, shared, lambda node: went_by(site_of(profile), node)))


def read_wish(at: str) -> dict[str, Any]:
    """What `[NAME@]SITE[/TEAM]` asks for."""
    name, _, where = at.rpartition("@")
    public_site, _, team = where.partition("/")
    return {"public_site": public_site, "team": team or None, "customer": name}


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
