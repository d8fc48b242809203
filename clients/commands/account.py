"""Signing in, and making keys."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clients.api import site_client
from clients.commands.options import CaOption, SiteOption
from clients.output import plainly, say
from clients.profile import Profile
from shared.api.accounts import LoginRequest
from shared.api.accounts import login as login_call
from shared.crypto.keyring import make_psk
from shared.domain.errors import BadSettings


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("login")(login)
    key = typer.Typer(help="Pre-shared keys.", no_args_is_help=True)
    key.command("new")(new_key)
    app.add_typer(key, name="key")


@plainly
def login(
    username: Annotated[str, typer.Argument(help="Who you are.")],
    site: SiteOption = None,
    ca: CaOption = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Read the password from this file.")
    ] = None,
) -> None:
    """Sign in to a site and remember it."""
    profile = Profile.load(site, ca)
    profile.token = ""
    with site_client(profile) as client:
        request = LoginRequest(username=username, password=_password(password_file))
        answer = client.ask(login_call(request))
    known = profile.gateways
    profile.gateways = [*known, *(url for url in answer.gateways if url not in known)]
    profile.ca_file = str(Path(profile.ca_file).resolve()) if profile.ca_file else ""
    profile.token, profile.user = answer.token, username
    profile.save()
    say(f"signed in as {username} at {profile.gateways[0]}")


@plainly
def new_key() -> None:
    """Print a good inter-appliance pre-shared key."""
    typer.echo(make_psk())


def _password(path: Path | None) -> str:
    told = path or os.environ.get("MERIDIAN_PASSWORD_FILE")
    if not told:
        return str(typer.prompt("Password", hide_input=True))
    try:
        return Path(told).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the password cannot be read: {error}") from error
