"""`meridian backup`: everything that a site knows in one sealed file, and back again."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.api import site_client
from clients.backup_file import looked_through, parts_of, written
from clients.commands.configuration import show_change
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.output import as_json, plainly, say
from clients.profile import Profile
from shared.api.backups import (
    BackupSummary,
    RestoreOptions,
    create_backup,
    restore_backup,
    verify_backup,
)
from shared.crypto.backup import BackupKey, Header
from shared.domain.errors import BadSettings

FileArgument = Annotated[Path, typer.Argument(help="The backup's file.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Sealed with this file's text, not the site's secret."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Everything that the site knows, in one file.", no_args_is_help=True)
    group.command("create")(create)
    group.command("verify")(verify)
    group.command("restore")(restore)
    app.add_typer(group, name="backup")


@plainly
def create(
    file: FileArgument,
    passphrase_file: PassphraseOption = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Write everything that the site knows into FILE, sealed; FILE is whole or not there."""
    call = create_backup(_passphrase(passphrase_file))
    with site_client(Profile.load(site, ca)) as client:
        header = written(file, client.download(call))
    if json:
        as_json({"file": str(file), "bytes": file.stat().st_size, **_known(header)})
        return
    say(f"{file}: {file.stat().st_size} bytes, {_sentence(header)}")
    _say_who_was_silent(header)
    if not header.by_passphrase:
        say("it opens with this site's secret alone: keep site.secret, away from the site")


@plainly
def verify(
    file: FileArgument,
    passphrase_file: PassphraseOption = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Open FILE to its end and say what it holds; with a passphrase no site is needed."""
    passphrase = _passphrase(passphrase_file)
    key = None if passphrase is None else BackupKey.of_passphrase(passphrase)
    header = looked_through(file, key)
    found = None
    if key is None:
        with site_client(Profile.load(site, ca)) as client:
            found = client.upload(verify_backup(), parts_of(file))
    if json:
        as_json(found or {**_known(header), "file": str(file)})
        return
    say(f"{file} is whole: {_sentence(header)}")
    _say_who_was_silent(header)
    if found is not None:
        say(f"  {_content(found)}")


@plainly
def restore(
    file: FileArgument,
    passphrase_file: PassphraseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the backup does not hold.")
    ] = False,
    from_another: Annotated[
        bool,
        typer.Option("--from-another-site", help="FILE is another cluster's, by passphrase."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Bring FILE back by ordinary changes; documents made since stay, unless --prune."""
    passphrase = _passphrase(passphrase_file)
    looked_through(file, None if passphrase is None else BackupKey.of_passphrase(passphrase))
    options = RestoreOptions(dry_run=dry_run, prune=prune, from_another=from_another)
    with site_client(Profile.load()) as client:
        answer = client.upload(restore_backup(options, passphrase), parts_of(file))
    if json:
        as_json(answer)
        return
    for change in answer.changes:
        show_change(change)
    for name in answer.stays:
        say(f"  {name} is newer than the backup and stays (--prune deletes it)")
    for each in answer.conflicts:
        would = "would be" if dry_run else "is"
        say(f"  conflict {each.id} {would} open again, on {each.node}")
    count = len(answer.changes)
    if not count:
        say("the site is as the backup has it; nothing to change")
    elif dry_run:
        say(f"{count} change(s) would be made; nothing was written")
    else:
        say(f"{count} change(s) made, revision {answer.revision}")


def _passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the passphrase cannot be read: {error}") from error


def _known(header: Header) -> dict[str, Any]:
    return {
        "site": header.site,
        "cluster_id": header.cluster_id,
        "at_unix_ms": header.at,
        "by_passphrase": header.by_passphrase,
        "silent": list(header.silent),
    }


def _say_who_was_silent(header: Header) -> None:
    for node in header.silent:
        say(f"  {node} did not answer: what it keeps as conflicts is not in the backup")


def _sentence(header: Header) -> str:
    moment = datetime.fromtimestamp(header.at / 1000).astimezone()
    key = "a passphrase" if header.by_passphrase else "the site's secret"
    return f"site {header.site} at {moment:%Y-%m-%d %H:%M:%S %Z}, sealed with {key}"


def _content(found: BackupSummary) -> str:
    documents = ", ".join(f"{count} {kind}" for kind, count in found.documents.items())
    told = f"revision {found.revision}: {documents}; {found.requests} answered requests"
    return f"{told}; {found.conflicts} open conflicts"
