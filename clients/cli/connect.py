"""`meridian connect`: the representative reaches what the customer shared."""

import asyncio
import sys
from typing import Annotated, Final

import typer

from clients.cli.addresses import parse_address
from clients.cli.command import SiteCommand, SiteContext, WaitOption
from clients.endpoint.forwarding import LocalListener, StandardStreams
from clients.session.credentials import load_credentials
from clients.session.key import parse_key_or_nameplate
from clients.session.live import WAIT_SECONDS, LiveSession, Participant
from clients.session.narration import Narrator, build_narrator
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
    app.command("connect", cls=SiteCommand)(connect)


def connect(
    context: SiteContext,
    key: KeyOption,
    listen: ListenOption = None,
    stdio: StdioOption = False,
    wait: WaitOption = WAIT_SECONDS,
) -> None:
    """Reach what the customer of a session shares."""
    if stdio == (listen is not None):
        raise BadSettings("say where: either --listen HOST:PORT or --stdio")
    session, words = parse_key_or_nameplate(key)
    profile = context.profile()
    credentials = load_credentials(session).with_gateways(profile.gateways)
    _require_fitting_words(credentials, words)
    if not credentials.gateways:
        profile.require_site()
    tls = trusted_context(profile.ca_file)
    representative = Participant(Side.REPRESENTATIVE, words, credentials, tls, wait)
    narrate = build_narrator(sys.stderr if stdio else None, as_json=context.prints_json)
    if listen is None:
        asyncio.run(_connect_standard_streams(representative, narrate))
    else:
        asyncio.run(_listen(representative, narrate, *parse_address(listen, any_port=True)))


def _require_fitting_words(credentials: SessionCredentials, words: str | None) -> None:
    """Let words pass for a session with a key, and none for one from a queue."""
    session, is_from_queue = credentials.session, credentials.is_from_queue
    if is_from_queue and words is not None:
        raise BadSettings(f"session {session} came from a queue and has no words: --key {session}")
    if not is_from_queue and words is None:
        raise BadSettings(f"session {session} has words: give the whole session key")


async def _listen(representative: Participant, narrate: Narrator, host: str, port: int) -> None:
    live = LiveSession(representative, narrate)
    listener = LocalListener(live.endpoint, live)
    try:
        host, port = await listener.listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadSettings(f"cannot listen on {host}:{port}: {reason}") from error
    narrate("joined", session=representative.credentials.session)
    live.on_ready = lambda: narrate("listening", host=host, port=port)
    await live.run(listener)


async def _connect_standard_streams(representative: Participant, narrate: Narrator) -> None:
    """Carry one connection; its end is the session's."""
    live = LiveSession(representative, narrate)
    listener = LocalListener(
        live.endpoint, live, lambda: live.endpoint.close("the connection is over")
    )
    streams = StandardStreams()
    live.endpoint.stream_handler = listener
    await listener.adopt(streams.connection)
    narrate("joined", session=representative.credentials.session)
    await live.run(listener)
    await streams.wait_flushed(FLUSH_SECONDS)
    if live.stream_failure is not None:
        raise Unavailable(live.stream_failure)
