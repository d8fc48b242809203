"""Sessions: open one and get its key, list them, close one."""

import time
from typing import Annotated, Any

import typer

from clients.api import SiteClient
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.output import as_json, plainly, say, table
from clients.profile import Profile, save_leave
from clients.words import draw_words, session_key


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Sessions with customers.", no_args_is_help=True)
    group.command("open")(open_session)
    group.command("list")(list_sessions)
    group.command("close")(close_session)
    app.add_typer(group, name="session")


@plainly
def open_session(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Open a session and print its key; the key's words never reach the site."""
    with SiteClient(Profile.load(site, ca)) as client:
        leave = client.call("POST", "/sessions", {"utc_offset_minutes": utc_offset_minutes()})
    save_leave(leave)
    key = session_key(leave["session"], draw_words())
    if json:
        as_json({"session": leave["session"], "key": key, "expires": leave["expires_unix_ms"]})
        return
    say(f"session key: [bold]{key}[/bold]")
    say(f"the customer runs:  meridian share HOST:PORT --key {key}")
    say(f"you run:            meridian connect --key {key} --listen 127.0.0.1:PORT")


@plainly
def list_sessions(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """List the sessions that are not over."""
    with SiteClient(Profile.load(site, ca)) as client:
        sessions: list[dict[str, Any]] = client.get("/sessions")
    if json:
        as_json(sessions)
        return
    names = ("session", "phase", "representative", "customer_address", "nodes")
    table(names, ([each[name] for name in names] for each in sessions))


@plainly
def close_session(
    session: Annotated[str, typer.Argument(help="The session's nameplate.")],
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """End a session, here and at every node that may carry it."""
    with SiteClient(Profile.load(site, ca)) as client:
        answer = client.call("DELETE", f"/sessions/{session}")
    if json:
        as_json(answer)
    else:
        say(f"session {session} is closed")


def utc_offset_minutes() -> int:
    """This machine's offset from UTC now, east positive."""
    return time.localtime().tm_gmtoff // 60
