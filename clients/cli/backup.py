"""`meridian backup`: everything that a site knows in one sealed file, and back again."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.changes import describe_result, show_change
from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_line
from clients.files.backup_file import read_parts, verify_backup, write_backup
from shared.api import backups
from shared.crypto.backup import BackupKey, Header
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of

FileArgument = Annotated[Path, typer.Argument(help="The backup's file.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Sealed with this file's text, not the site's secret."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Everything that the site knows, in one file.", no_args_is_help=True)
    group.command("create", cls=SiteCommand)(create)
    group.command("verify", cls=SiteCommand)(verify)
    group.command("restore", cls=SiteCommand)(restore)
    app.add_typer(group, name="backup")


def create(
    context: SiteContext, file: FileArgument, passphrase_file: PassphraseOption = None
) -> None:
    """Write everything that the site knows into FILE, sealed; FILE is whole or not there."""
    call = backups.create_backup(_read_passphrase(passphrase_file))
    with context.client() as client:
        header = write_backup(file, client.download(call))
    size = file.stat().st_size
    written = {"file": str(file), "bytes": size, **_describe(header)}
    context.report(written, lambda _: _show_written(file, size, header))


def verify(
    context: SiteContext, file: FileArgument, passphrase_file: PassphraseOption = None
) -> None:
    """Open FILE to its end and show what it holds; with a passphrase no site is needed."""
    passphrase = _read_passphrase(passphrase_file)
    key = None if passphrase is None else BackupKey.of_passphrase(passphrase)
    header = verify_backup(file, key)
    summary = None
    if key is None:
        with context.client() as client:
            summary = client.upload(backups.verify_backup(), partial(read_parts, file))
    answer = summary or {**_describe(header), "file": str(file)}
    context.report(answer, lambda _: _show_verified(file, header, summary))


def restore(
    context: SiteContext,
    file: FileArgument,
    passphrase_file: PassphraseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the backup does not hold.")
    ] = False,
    from_another: Annotated[
        bool,
        typer.Option("--from-another-site", help="FILE is of another site, by passphrase."),
    ] = False,
) -> None:
    """Bring FILE back by ordinary changes; documents made since stay, unless --prune."""
    passphrase = _read_passphrase(passphrase_file)
    verify_backup(file, None if passphrase is None else BackupKey.of_passphrase(passphrase))
    options = backups.RestoreOptions(dry_run=dry_run, prune=prune, from_another=from_another)
    with context.client() as client:
        answer = client.upload(
            backups.restore_backup(options, passphrase), partial(read_parts, file)
        )
    context.report(answer, lambda answer: _show_restored(answer, is_dry_run=dry_run))


def _read_passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the passphrase cannot be read: {reason_of(error)}") from error


def _describe(header: Header) -> dict[str, Any]:
    return {
        "site": header.site,
        "cluster_id": header.cluster_id,
        "at_unix_ms": header.at,
        "by_passphrase": header.by_passphrase,
        "silent": list(header.silent),
    }


def _show_written(file: Path, size: int, header: Header) -> None:
    print_line(f"{file}: {size} bytes, {_describe_origin(header)}")
    _show_silent_nodes(header)
    if not header.by_passphrase:
        print_line("it opens with this site's secret alone: keep site.secret, away from the site")


def _show_verified(file: Path, header: Header, summary: backups.BackupSummary | None) -> None:
    print_line(f"{file} is whole: {_describe_origin(header)}")
    _show_silent_nodes(header)
    if summary is not None:
        print_line(f"  {_describe_content(summary)}")


def _show_restored(answer: backups.RestoreResult, *, is_dry_run: bool) -> None:
    for change in answer.changes:
        show_change(change)
    for name in answer.stays:
        print_line(f"  {name} is newer than the backup and stays (--prune deletes it)")
    for sentence in answer.kept:
        print_line(f"  {sentence}")
    for each in answer.conflicts:
        would = "would be" if is_dry_run else "is"
        print_line(f"  conflict {each.id} {would} open again, on {each.node}")
    if answer.changes:
        count = len(answer.changes)
        print_line(describe_result(count, answer.revision, is_dry_run=is_dry_run))
    else:
        print_line("the site is as the backup has it; nothing to change")


def _show_silent_nodes(header: Header) -> None:
    for node in header.silent:
        print_line(f"  {node} did not answer: what it keeps as conflicts is not in the backup")


def _describe_origin(header: Header) -> str:
    moment = datetime.fromtimestamp(header.at / 1000).astimezone()
    key = "a passphrase" if header.by_passphrase else "the site's secret"
    return f"site {header.site} at {moment:%Y-%m-%d %H:%M:%S %Z}, sealed with {key}"


def _describe_content(summary: backups.BackupSummary) -> str:
    documents = ", ".join(f"{count} {kind}" for kind, count in summary.documents.items())
    return (
        f"revision {summary.revision}: {documents}; {summary.requests} answered requests; "
        f"{summary.conflicts} open conflicts"
    )
