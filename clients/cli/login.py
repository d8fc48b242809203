"""`meridian login`: signs in to a site."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clients.cli.command import SiteContext, TextCommand
from clients.cli.output import print_line
from clients.site.api import site_client
from shared.api.accounts import LoginRequest
from shared.api.accounts import login as login_call
from shared.api.trust import is_word
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("login", cls=TextCommand)(login)


def login(
    context: SiteContext,
    username: Annotated[str, typer.Argument(help="Who you are.")],
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Read the password from this file.")
    ] = None,
) -> None:
    """Sign in to a site and remember it."""
    profile = context.profile()
    profile.token = ""
    with site_client(profile) as client:
        request = LoginRequest(username=username, password=_password(password_file))
        answer = client.ask(login_call(request))
    known = profile.gateways
    profile.gateways = [*known, *(url for url in answer.gateways if url not in known)]
    if profile.ca_file and not is_word(profile.ca_file):
        profile.ca_file = str(Path(profile.ca_file).resolve())
    profile.token, profile.user = answer.token, username
    profile.save()
    print_line(f"signed in as {username} at {profile.gateways[0]}")


def _password(path: Path | None) -> str:
    file = path or os.environ.get("MERIDIAN_PASSWORD_FILE")
    if not file:
        return str(typer.prompt("Password", hide_input=True))
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the password cannot be read: {reason_of(error)}") from error
