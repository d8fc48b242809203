"""`meridian session`: opens a session and gives its key, lists sessions, closes one."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from clients.cli.command import SiteCall, SiteCommand
from clients.cli.output import print_line, print_table
from clients.session.credentials import save_credentials
from clients.session.facts import endpoint_facts
from clients.session.key import draw_words, session_key
from clients.site.api import SiteClient

NodeOption = Annotated[
    str | None,
    typer.Option("--node", help="The traffic node that the session is to go by, if it may."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Sessions with customers.", no_args_is_help=True)
    group.command("open", cls=SiteCommand)(open_session)
    group.command("list", cls=SiteCommand)(list_sessions)
    group.command("close", cls=SiteCommand)(close_session)
    group.command("queue", cls=SiteCommand)(show_queue)
    group.command("accept", cls=SiteCommand)(accept_customer)
    app.add_typer(group, name="session")


def open_session(call: SiteCall, node: NodeOption = None) -> None:
    """Open a session and print its key; the key's words never reach the site."""
    credentials = _request_credentials(call, "/sessions", node)
    key = session_key(credentials["session"], draw_words())
    expires = credentials["expires_unix_ms"]
    answer = {"session": credentials["session"], "key": key, "expires": expires}
    call.report(answer, _show_key)


def list_sessions(call: SiteCall) -> None:
    """List the sessions that are not over."""
    with call.client() as client:
        sessions: list[dict[str, Any]] = client.get("/sessions")
    call.report(sessions, _show_sessions)


def close_session(
    call: SiteCall, session: Annotated[str, typer.Argument(help="The session's nameplate.")]
) -> None:
    """End a session, here and at every node that may carry it."""
    with call.client() as client:
        answer = client.call("DELETE", f"/sessions/{session}")
    call.report(answer, lambda _: print_line(f"session {session} is closed"))


def show_queue(
    call: SiteCall,
    team: Annotated[str | None, typer.Option("--team", help="Only this team's queue.")] = None,
) -> None:
    """List the customers who wait for your teams, whoever came first before the others."""
    query = f"?{urlencode({'team': team})}" if team else ""
    with call.client() as client:
        customers: list[dict[str, Any]] = client.get(f"/queue{query}")
    call.report(customers, _show_customers)


def accept_customer(
    call: SiteCall,
    session: Annotated[str, typer.Argument(help="The session, as the queue shows it.")],
    node: NodeOption = None,
) -> None:
    """Take a customer out of your team's queue."""
    credentials = _request_credentials(call, f"/queue/{session}/accept", node)
    answer = {"session": credentials["session"], "team": credentials["team"]}
    call.report(answer, _show_accepted)


def _request_credentials(call: SiteCall, path: str, node: str | None) -> dict[str, Any]:
    """The session's credentials, which `meridian connect` finds on this machine."""
    profile = call.profile()
    with SiteClient(profile) as client:
        facts = endpoint_facts(client, profile)
        credentials: dict[str, Any] = client.call("POST", path, {**facts, "node": node})
    save_credentials(credentials)
    return credentials


def _show_key(answer: dict[str, Any]) -> None:
    key = answer["key"]
    print_line(f"session key: [bold]{key}[/bold]")
    print_line(f"the customer runs:  meridian share HOST:PORT --key {key}")
    print_line(f"you run:            meridian connect --key {key} --listen 127.0.0.1:PORT")


def _show_sessions(sessions: list[dict[str, Any]]) -> None:
    names = ("session", "phase", "representative", "customer_address", "nodes")
    print_table(names, ([each[name] for name in names] for each in sessions))


def _show_customers(customers: list[dict[str, Any]]) -> None:
    names = ("session", "team", "public_site", "customer", "address")
    print_table(names, ([each[name] for name in names] for each in customers))


def _show_accepted(answer: dict[str, Any]) -> None:
    session = answer["session"]
    print_line(f"session {session} is yours")
    print_line(f"you run:  meridian connect --key {session} --listen 127.0.0.1:PORT")
    print_line("then compare the code that both ends show, by voice")
