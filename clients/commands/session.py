"""Sessions: open one and get its key, list them, close one."""

from typing import Annotated

import typer

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, NodeOption, SiteOption
from clients.facts import endpoint_facts
from clients.output import as_json, plainly, say, table
from clients.profile import Profile, save_credentials
from clients.words import draw_words, session_key
from shared.api.queues import accept_customer as accept_call
from shared.api.queues import list_waiting
from shared.api.sessions import EndpointFacts, RepresentativeFacts
from shared.api.sessions import close_session as close_call
from shared.api.sessions import list_sessions as list_call
from shared.api.sessions import open_session as open_call


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
    with site_client(profile) as client:
        facts = endpoint_facts(client, profile)
        credentials = client.ask(open_call(_facts(facts, node)))
    save_credentials(credentials)
    key = session_key(credentials.session, draw_words())
    if json:
        expires = credentials.expires_unix_ms
        as_json({"session": credentials.session, "key": key, "expires": expires})
        return
    say(f"session key: [bold]{key}[/bold]")
    say(f"the customer runs:  meridian share HOST:PORT --key {key}")
    say(f"you run:            meridian connect --key {key} --listen 127.0.0.1:PORT")


@plainly
def list_sessions(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """List the sessions that are not over."""
    with site_client(Profile.load(site, ca)) as client:
        sessions = client.ask(list_call())
    if json:
        as_json(sessions)
        return
    names = ("session", "phase", "representative", "customer_address", "nodes")
    table(names, ([getattr(each, name) for name in names] for each in sessions))


@plainly
def close_session(
    session: Annotated[str, typer.Argument(help="The session's nameplate.")],
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """End a session, here and at every node that may carry it."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(close_call(session))
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
    with site_client(Profile.load(site, ca)) as client:
        customers = client.ask(list_waiting(team))
    if json:
        as_json(customers)
        return
    names = ("session", "team", "public_site", "customer", "address")
    table(names, ([getattr(each, name) for name in names] for each in customers))


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
    with site_client(profile) as client:
        facts = endpoint_facts(client, profile)
        credentials = client.ask(accept_call(session, _facts(facts, node)))
    save_credentials(credentials)
    if json:
        as_json({"session": credentials.session, "team": credentials.team})
        return
    say(f"session {session} is yours")
    say(f"you run:  meridian connect --key {session} --listen 127.0.0.1:PORT")
    say("then compare the code that both ends show, by voice")


def _facts(facts: EndpointFacts, node: str | None) -> RepresentativeFacts:
    return RepresentativeFacts(**facts.model_dump(exclude_unset=True), node=node)
