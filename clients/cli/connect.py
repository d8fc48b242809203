"""`meridian connect`: the representative reaches what the customer shared."""

import sys
from typing import Annotated, Final

import typer

from clients.cli.addresses import parse_address
from clients.cli.command import SiteCommand, SiteContext, WaitOption
from clients.endpoint.forwarding import LocalListener
from clients.endpoint.standard_streams import StandardStreams
from clients.session.credentials import load_credentials
from clients.session.key import parse_key_or_nameplate
from clients.session.live import WAIT_SECONDS, LiveSession, Participant
from clients.session.narration import Narrator, build_narrator
from clients.session.running import closing_on_signals, run_session
from shared.api.sessions import SessionCredentials
from shared.api.trust import trusted_context
from shared.domain.errors import BadSettings, Unavailable
from shared.domain.node import Side

FLUSH_SECONDS: Final = 10.0

KeyOption = Annotated[
    str, typer.Option("--key", prompt="session key", help="As `meridian session` printed it.")
]
ListenOption = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        metavar="HOST:PORT",
        help="Take local connections here; port 0: any. May be given several times.",
    ),
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
    if stdio == bool(listen):
        raise BadSettings("say where: either --listen HOST:PORT or --stdio")
    session, words = parse_key_or_nameplate(key)
    profile = context.profile()
    credentials = load_credentials(session).with_gateways(profile.gateways)
    _require_fitting_words(credentials, words)
    if not credentials.gateways:
        profile.require_site()
    tls = trusted_context(profile.ca_file)
    addresses = [parse_address(each, any_port=True) for each in listen or ()]
    representative = Participant(Side.REPRESENTATIVE, words, credentials, tls, wait)
    narrate = build_narrator(sys.stderr if stdio else None, as_json=context.prints_json)
    if stdio:
        run_session(_connect_standard_streams(representative, narrate), narrate)
    else:
        run_session(_listen(representative, narrate, addresses), narrate)


def _require_fitting_words(credentials: SessionCredentials, words: str | None) -> None:
    """Let words pass for a session with a key, and none for one from a queue."""
    session, is_from_queue = credentials.session, credentials.is_from_queue
    if is_from_queue and words is not None:
        raise BadSettings(f"session {session} came from a queue and has no words: --key {session}")
    if not is_from_queue and words is None:
        raise BadSettings(f"session {session} has words: give the whole session key")


async def _listen(
    representative: Participant, narrate: Narrator, addresses: list[tuple[str, int]]
) -> None:
    session = representative.credentials.session
    live = LiveSession(representative, narrate)
    listener = LocalListener(live.endpoint, live)
    local_addresses: list[tuple[str, int]] = []
    for host, port in addresses:
        try:
            local_addresses += await listener.listen(host, port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadSettings(f"cannot listen on {host}:{port}: {reason}") from error

    def on_ready() -> None:
        for host, port in local_addresses:
            narrate("listening", host=host, port=port)

    live.on_ready = on_ready
    with closing_on_signals(session, live.endpoint.close, narrate):
        narrate("joined", session=session)
        await live.run(listener)


async def _connect_standard_streams(representative: Participant, narrate: Narrator) -> None:
    await _StandardConnection(representative, narrate).run()


class _StandardConnection:
    """One connection on standard input and output; its end is the session's."""

    def __init__(self, representative: Participant, narrate: Narrator) -> None:
        self._session = representative.credentials.session
        self._narrate = narrate
        self._live = LiveSession(representative, narrate)
        self._listener = LocalListener(self._live.endpoint, self._live, self._on_over)
        self._streams = StandardStreams(self._on_failure)
        self._broken: str | None = None
        self._is_over = False
        self._is_stopped = False

    async def run(self) -> None:
        """Carry the connection.

        Raises:
            SessionEnded: somebody else ended the session while it was open.
            Unavailable: it ended early, and its user did not want that.
        """
        self._live.endpoint.stream_handler = self._listener
        await self._listener.adopt(self._streams.connection)
        with closing_on_signals(self._session, self._stop, self._narrate):
            self._narrate("joined", session=self._session)
            try:
                await self._live.run(self._listener)
            finally:
                await self._flush()
        failure = self._failure()
        if failure is not None and not self._is_stopped:
            raise Unavailable(failure)

    async def _flush(self) -> None:
        """Have what arrived written, also after a bad end."""
        if not await self._streams.wait_flushed(FLUSH_SECONDS):
            self._broken = self._broken or "the standard output takes no more bytes"

    def _stop(self, message: str) -> None:
        self._is_stopped = True
        self._live.endpoint.close(message)

    def _on_failure(self, reason: str) -> None:
        self._broken = self._broken or reason
        self._live.endpoint.close(reason)
        self._listener.close()

    def _on_over(self) -> None:
        """End the session with its connection; an end of the session ended the connection."""
        if not self._live.endpoint.ended.done():
            self._is_over = True
            self._live.endpoint.close("the connection is over")

    def _failure(self) -> str | None:
        early = None if self._is_over else "the session ended before the connection did"
        return self._broken or self._live.stream_failure or early
