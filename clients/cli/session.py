"""Sessions: open one and get its key, list them, close one."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from clients.cli.options import CaOption, JsonOption, NodeOption, SiteOption
from clients.cli.output import as_json, plainly, say, table
from clients.session.facts import endpoint_facts
from clients.session.key import draw_words, session_key
from clients.site.api import SiteClient
from clients.site.profile import Profile, save_leave


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Sessions with customers.", no_args_is_help=True)
    group.command("open")(open_session)
    group.command("list")(list_sessions)
    group.command("close")(close_session)
    group.command("queue")(show_queue)
    group.command("accept")(accept_customer)
    app.add_typer(group, name="session")


@plainly
def open_session(
    node: NodeOption = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Open a session and print its key; the key's words never reach the site."""
    profile = Profile.load(site, ca)
    with SiteClient(profile) as client:
        facts = endpoint_facts(client, profile)
        leave = client.call("POST", "/sessions", {**facts, "node": node})
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


@plainly
def show_queue(
    team: Annotated[str | None, typer.Option("--team", help="Only this team's queue.")] = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List the customers who wait for your teams, whoever came first before the others."""
    query = f"?{urlencode({'team': team})}" if team else ""
    with SiteClient(Profile.load(site, ca)) as client:
        customers: list[dict[str, Any]] = client.get(f"/queue{query}")
    if json:
        as_json(customers)
        return
    names = ("session", "team", "public_site", "customer", "address")
    table(names, ([each[name] for name in names] for each in customers))


@plainly
def accept_customer(
    session: Annotated[str, typer.Argument(help="The session, as the queue shows it.")],
    node: NodeOption = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Take a customer out of your team's queue."""
    profile = Profile.load(site, ca)
    with SiteClient(profile) as client:
        facts = endpoint_facts(client, profile)
        leave = client.call("POST", f"/queue/{session}/accept", {**facts, "node": node})
    save_leave(leave)
    if json:
        as_json({"session": leave["session"], "team": leave["team"]})
        return
    say(f"session {session} is yours")
    say(f"you run:  meridian connect --key {session} --listen 127.0.0.1:PORT")
    say("then compare the code that both ends show, by voice")
