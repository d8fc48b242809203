"""`meridian session`: opens a session and gives its key, lists sessions, closes one."""

import shlex
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_line, print_table
from clients.clock import wall, wall_unix_ms
from clients.session.credentials import save_credentials
from clients.session.facts import endpoint_facts
from clients.session.key import draw_words, session_key
from clients.session.lifetime import Lifetime
from clients.session.narration import LINES
from clients.site.api import site_client
from clients.site.profile import Profile
from shared.api import queues, sessions
from shared.api.call import Call
from shared.api.sessions import RepresentativeFacts, SessionCredentials
from shared.api.trust import authority_word

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


def open_session(context: SiteContext, node: NodeOption = None) -> None:
    """Open a session and print its key; the key's words never reach the site."""
    profile = context.profile()
    credentials = _request_credentials(context, sessions.open_session, node)
    key = session_key(credentials.session, draw_words())
    answer = {
        "session": credentials.session,
        "key": key,
        "expires": credentials.expires_unix_ms,
        "share": share_line(key, credentials.with_gateways(profile.gateways).gateways, profile),
    }
    context.report(answer, _show_key)


def list_sessions(context: SiteContext) -> None:
    """List the sessions that are not over."""
    context.report(context.ask(sessions.list_sessions()), _show_sessions)


def close_session(
    context: SiteContext, session: Annotated[str, typer.Argument(help="The session's nameplate.")]
) -> None:
    """End a session, here and at every node that may carry it."""
    answer = context.ask(sessions.close_session(session))
    context.report(answer, lambda _: print_line(f"session {session} is closed"))


def show_queue(
    context: SiteContext,
    team: Annotated[str | None, typer.Option("--team", help="Only this team's queue.")] = None,
) -> None:
    """List the customers who wait for your teams, whoever came first before the others."""
    context.report(context.ask(queues.list_waiting(team)), _show_customers)


def accept_customer(
    context: SiteContext,
    session: Annotated[str, typer.Argument(help="The session, as the queue shows it.")],
    node: NodeOption = None,
) -> None:
    """Take a customer out of your team's queue."""
    credentials = _request_credentials(
        context, lambda facts: queues.accept_customer(session, facts), node
    )
    answer = {"session": credentials.session, "team": credentials.team}
    context.report(answer, _show_accepted)


def _request_credentials(
    context: SiteContext,
    build_call: Callable[[RepresentativeFacts], Call[SessionCredentials]],
    node: str | None,
) -> SessionCredentials:
    """The session's credentials, which `meridian connect` finds on this machine."""
    profile = context.profile()
    with site_client(profile) as client:
        facts = endpoint_facts(client, profile).model_dump(exclude_unset=True)
        wanted = RepresentativeFacts.model_validate({**facts, "node": node})
        credentials = client.ask(build_call(wanted)).by_clock(wall_unix_ms())
    save_credentials(credentials)
    return credentials


def share_line(key: str, gateways: Sequence[str], profile: Profile) -> str:
    """The command line of the customer, whole: it needs nothing of this machine but its text.

    Where the profile's authority is too long for a line, it names the file, which must be sent.

    Raises:
        BadSettings: the authority of the profile cannot be read.
    """
    words = ["meridian", "share", "HOST:PORT", "--key", key, "--site", ",".join(gateways)]
    if profile.ca_file:
        words += ["--ca", authority_word(profile.ca_file) or profile.ca_file]
    return shlex.join(words)


def _show_key(answer: dict[str, Any]) -> None:
    key = answer["key"]
    print_line(f"session key: [bold]{key}[/bold]")
    print_line(describe_lifetime(answer["expires"], wall()))
    print_line(f"the customer runs:  {escape(answer['share'])}")
    print_line(f"you run:            meridian connect --key {key} --listen 127.0.0.1:PORT")


def describe_lifetime(expires_unix_ms: int, now: datetime) -> str:
    """Say when the session ends by its lifetime, as both its ends narrate it."""
    return LINES["lifetime"].format(**Lifetime.until(expires_unix_ms).describe(now))


def _show_sessions(listed: Sequence[sessions.SessionSummary]) -> None:
    names = ("session", "phase", "representative", "customer_address", "nodes")
    print_table(names, ([getattr(each, name) for name in names] for each in listed))


def _show_customers(customers: Sequence[queues.WaitingCustomer]) -> None:
    names = ("session", "team", "public_site", "customer", "address")
    print_table(names, ([getattr(each, name) for name in names] for each in customers))


def _show_accepted(answer: dict[str, Any]) -> None:
    session = answer["session"]
    print_line(f"session {session} is yours")
    print_line(f"you run:  meridian connect --key {session} --listen 127.0.0.1:PORT")
    print_line("then compare the code that both ends show, by voice")
