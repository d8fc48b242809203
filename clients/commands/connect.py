"""`meridian connect`: the representative reaches what the customer shared."""

import asyncio
import sys
from typing import Annotated, Final

import typer

from clients.commands.addresses import read_address
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.endpoint.forwarding import LocalDoor, StandardStreams
from clients.live import Live, Part
from clients.narration import Say, build_narrator
from clients.output import plainly
from clients.profile import Profile, load_credentials
from clients.words import parse_key_or_nameplate
from shared.api.sessions import SessionCredentials
from shared.api.trust import trusted_context
from shared.domain.errors import BadSettings, Unavailable
from shared.domain.node import Side

FLUSH_SECONDS: Final = 10.0

KeyOption = Annotated[
    str, typer.Option("--key", prompt="session key", help="As `meridian session` printed it.")
]
ListenOption = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Take local connections here; port 0: any."),
]
StdioOption = Annotated[
    bool, typer.Option("--stdio", help="One connection, on standard input and output.")
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("connect")(connect)


@plainly
def connect(
    key: KeyOption,
    listen: ListenOption = None,
    stdio: StdioOption = False,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Reach what the customer of a session shares."""
    if stdio == (listen is not None):
        raise BadSettings("say where: either --listen HOST:PORT or --stdio")
    session, words = parse_key_or_nameplate(key)
    profile = Profile.load(site, ca)
    kept = load_credentials(session)
    _require_fitting(kept, words)
    credentials = kept.with_gateways(profile.gateways)
    if not credentials.gateways:
        profile.require_site()
    part = Part(Side.REPRESENTATIVE, words, credentials, trusted_context(profile.ca_file))
    say = build_narrator(sys.stderr if stdio else None, as_json=json)
    if listen is None:
        asyncio.run(_connect_standard_streams(part, say))
    else:
        asyncio.run(_listen(part, say, *read_address(listen, any_port=True)))


def _require_fitting(kept: SessionCredentials, words: str | None) -> None:
    """Let words pass for a session with a key, and none for one from a queue."""
    session, is_from_queue = kept.session, kept.is_from_queue
    if is_from_queue and words is not None:
        raise BadSettings(f"session {session} came from a queue and has no words: --key {session}")
    if not is_from_queue and words is None:
        raise BadSettings(f"session {session} has words: give the whole session key")


async def _listen(part: Part, say: Say, host: str, port: int) -> None:
    live = Live(part, say)
    door = LocalDoor(live.endpoint, live)
    try:
        host, port = await door.listen(host, port)
    except OSError as error:
        why = error.strerror or str(error)
        raise BadSettings(f"cannot listen on {host}:{port}: {why}") from error
    say("joined", session=part.credentials.session)
    say("listening", host=host, port=port)
    await live.run(door)


async def _connect_standard_streams(part: Part, say: Say) -> None:
    """One connection; its end is the session's."""
    live = Live(part, say)
    door = LocalDoor(live.endpoint, live, lambda: live.endpoint.close("the connection is over"))
    streams = StandardStreams()
    live.endpoint.user = door
    await door.adopt(streams.connection)
    say("joined", session=part.credentials.session)
    await live.run(door)
    await streams.flushed(FLUSH_SECONDS)
    if live.broken is not None:
        raise Unavailable(live.broken)
