"""`meridian events`: what happens in the site, as it happens, signed by its nodes."""

import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final

import typer

from clients.cli.command import SiteCommand, SiteContext
from clients.cli.times import parse_start
from clients.clock import wall
from clients.events.filters import (
    PREFIX,
    is_known,
    known_subjects,
    parse_durable_name,
    parse_filter,
)
from clients.events.keys import Keys, SignatureChecker, fetch_keys, read_keys
from clients.events.reader import Access, RawEvent, Reader
from clients.events.rendering import as_line, as_object
from clients.site.profile import Profile
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSettings, BadSignature
from shared.domain.files import reason_of

SERVERS: Final = "MERIDIAN_EVENTS_SERVERS"
USER: Final = "MERIDIAN_EVENTS_USER"
PASSWORD_FILE: Final = "MERIDIAN_EVENTS_PASSWORD_FILE"  # noqa: S105 - a variable's name
KEYS_FILE: Final = "MERIDIAN_EVENTS_KEYS_FILE"
DEFAULT_USER: Final = "events"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="What happens in the site.", no_args_is_help=True)
    group.callback()(_group)
    group.command("tail", cls=SiteCommand)(tail)
    app.add_typer(group, name="events")


def _group() -> None:
    """Show what happens in the site."""


def tail(
    context: SiteContext,
    server: Annotated[
        str,
        typer.Option(envvar=SERVERS, help="The site's NATS servers, URL[,URL]: nats:// or tls://."),
    ],
    password_file: Annotated[
        Path, typer.Option(envvar=PASSWORD_FILE, help="The read-only user's password.")
    ],
    since: Annotated[
        str | None, typer.Option("--since", help="Begin so long ago (10m), or at a time.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="Which events: failover, session.>, *.changed.")
    ] = None,
    durable: Annotated[
        str | None, typer.Option("--durable", help="Go on where the last reader of this name was.")
    ] = None,
) -> None:
    """Show events as they come, each checked with the key of the node that reports it.

    The user is `events` (MERIDIAN_EVENTS_USER); the nodes' keys are fetched from the site
    (MERIDIAN_SITE, MERIDIAN_CA_FILE, or where you signed in), or read from the JSON file
    that MERIDIAN_EVENTS_KEYS_FILE names.
    """
    pattern = parse_filter(filter_)
    if not is_known(pattern):
        _warn(f"no event of this version is {pattern}; there are: {', '.join(known_subjects())}")
    profile = context.profile()
    reader = Reader(
        access=_access(server, password_file, profile.ca_file),
        pattern=pattern,
        warn=_warn,
        since=None if since is None else parse_start(since, wall()),
        durable=None if durable is None else parse_durable_name(durable),
    )
    checker = SignatureChecker(lambda: _keys(profile))
    asyncio.run(_show(reader, checker, as_json=context.prints_json))


def _access(servers: str, password_file: Path, ca_file: str) -> Access:
    urls = tuple(url.strip() for url in servers.split(",") if url.strip())
    others = [url for url in urls if not url.startswith(("nats://", "tls://"))]
    if others or not urls:
        raise BadSettings(f"--server {servers!r} is no address: begin with nats:// or tls://")
    try:
        password = password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the password cannot be read: {reason_of(error)}") from error
    return Access(urls, os.environ.get(USER, DEFAULT_USER), password, ca_file)


def _keys(profile: Profile) -> Keys:
    file = os.environ.get(KEYS_FILE)
    return read_keys(Path(file)) if file else fetch_keys(profile)


async def _show(reader: Reader, checker: SignatureChecker, *, as_json: bool) -> None:
    async with aclosing(reader.events()) as events:
        async for raw in events:
            line = await asyncio.to_thread(_line, raw, checker, as_json=as_json)
            if line is not None:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


def _line(raw: RawEvent, checker: SignatureChecker, *, as_json: bool) -> str | None:
    """The line that shows an event; None for an event that no node of the site signed."""
    try:
        statement = checker.check(raw.testimony, raw.subject, raw.payload)
        return as_object(raw, statement) if as_json else as_line(raw, statement)
    except (BadSignature, Undecodable) as error:
        _warn(f"refused event {raw.sequence}, {raw.subject.removeprefix(PREFIX)}: {error.message}")
        return None


def _warn(sentence: str) -> None:
    sys.stderr.write(f"meridian: {sentence}\n")
