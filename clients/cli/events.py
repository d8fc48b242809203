"""`meridian events`: what happens in the site, as it happens, proved by the nodes that say it."""

import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final

import typer

from clients.cli.options import JsonOption
from clients.cli.output import plainly
from clients.clock import wall
from clients.events.filters import PREFIX, durable_name, is_known, known_subjects, pattern, since
from clients.events.keys import Examiner, Keys, keys_at, keys_in
from clients.events.reader import Access, Raw, Reader
from clients.events.rendering import as_line, as_object
from clients.site.profile import Profile
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSettings, BadSignature

SERVERS: Final = "MERIDIAN_EVENTS_SERVERS"
USER: Final = "MERIDIAN_EVENTS_USER"
PASSWORD_FILE: Final = "MERIDIAN_EVENTS_PASSWORD_FILE"  # noqa: S105 - a variable's name
KEYS_FILE: Final = "MERIDIAN_EVENTS_KEYS_FILE"
READER: Final = "events"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    events = typer.Typer(help="What happens in the site.", no_args_is_help=True)
    events.callback()(_group)
    events.command("tail")(tail)
    app.add_typer(events, name="events")


def _group() -> None:
    """What happens in the site."""


@plainly
def tail(
    server: Annotated[
        str,
        typer.Option(envvar=SERVERS, help="The site's NATS servers, URL[,URL]: nats:// or tls://."),
    ],
    password_file: Annotated[
        Path, typer.Option(envvar=PASSWORD_FILE, help="The read-only user's password.")
    ],
    since_: Annotated[
        str | None, typer.Option("--since", help="Begin so long ago (10m), or at a time.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="Which events: failover, session.>, *.changed.")
    ] = None,
    durable: Annotated[
        str | None, typer.Option("--durable", help="Go on where the last reader of this name was.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show events as they come, each checked with the key of the node that says it.

    The user is `events` (MERIDIAN_EVENTS_USER); the nodes' keys are asked of the site
    (MERIDIAN_SITE, MERIDIAN_CA_FILE, or where you signed in), or read from the JSON file
    that MERIDIAN_EVENTS_KEYS_FILE names.
    """
    wanted = pattern(filter_)
    if not is_known(wanted):
        _warn(f"no event of this version is {wanted}; there are: {', '.join(known_subjects())}")
    reader = Reader(
        access=_access(server, password_file),
        pattern=wanted,
        warn=_warn,
        since=None if since_ is None else since(since_, wall()),
        durable=None if durable is None else durable_name(durable),
    )
    asyncio.run(_show(reader, Examiner(_keys), as_json=json))


def _access(servers: str, password_file: Path) -> Access:
    urls = tuple(url.strip() for url in servers.split(",") if url.strip())
    strange = [url for url in urls if not url.startswith(("nats://", "tls://"))]
    if strange or not urls:
        raise BadSettings(f"--server {servers!r} is no address: begin with nats:// or tls://")
    try:
        password = password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the password cannot be read: {error}") from error
    user = os.environ.get(USER, READER)
    return Access(urls, user, password, Profile.load().ca_file)


def _keys() -> Keys:
    told = os.environ.get(KEYS_FILE)
    return keys_in(Path(told)) if told else keys_at(Profile.load())


async def _show(reader: Reader, examiner: Examiner, *, as_json: bool) -> None:
    async with aclosing(reader.events()) as events:
        async for raw in events:
            line = await asyncio.to_thread(_line, raw, examiner, as_json=as_json)
            if line is not None:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


def _line(raw: Raw, examiner: Examiner, *, as_json: bool) -> str | None:
    """What is shown of an event; nothing of one that no node of the site said."""
    try:
        said = examiner.check(raw.testimony, raw.subject, raw.payload)
        return as_object(raw, said) if as_json else as_line(raw, said)
    except (BadSignature, Undecodable) as error:
        _warn(f"refused event {raw.sequence}, {raw.subject.removeprefix(PREFIX)}: {error.message}")
        return None


def _warn(sentence: str) -> None:
    sys.stderr.write(f"meridian: {sentence}\n")
