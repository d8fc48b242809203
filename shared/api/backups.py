"""Backups: made as a stream of bytes, verified, and restored as changes."""

from base64 import b64encode
from typing import Final

from pydantic import TypeAdapter

from shared.api.call import Call, path_of
from shared.api.documents import DocumentChange
from shared.api.model import ApiModel, Parameters
from shared.domain.conflict import ConflictLine

MOVE_SECONDS: Final = 300.0
PASSPHRASE_HEADER: Final = "Meridian-Passphrase"  # noqa: S105 (a header's name)


class RestoreOptions(Parameters):
    """The options for restoring a backup."""

    dry_run: bool = False
    prune: bool = False
    from_another: bool = False


class BackupSummary(ApiModel):
    """The content of a backup; *silent* are masters whose conflicts are not in it."""

    site: str
    cluster_id: str
    at_unix_ms: int
    log_generation: int
    revision: int
    epoch: int
    hash: str
    documents: dict[str, int]
    requests: int
    conflicts: int
    silent: tuple[str, ...]
    by_passphrase: bool


class RestoreResult(ApiModel):
    """The content of a backup, and the changes that restoring it made, or would make.

    *stays* are the documents that the site has and the backup has not, and that were not deleted;
    *conflicts* those that are open again, each with the master that keeps it now. *kept* says in
    sentences what of another site's backup did not come, and stays as it is here.
    """

    backup: BackupSummary
    changes: tuple[DocumentChange, ...]
    revision: int | None
    stays: tuple[str, ...]
    conflicts: tuple[ConflictLine, ...] = ()
    kept: tuple[str, ...] = ()


def create_backup(passphrase: str | None) -> Call[bytes]:
    """Download everything that the site knows, as one sealed file."""
    headers = _headers(passphrase)
    return Call("POST", "/backup", TypeAdapter(bytes), headers=headers, seconds=MOVE_SECONDS)


def verify_backup() -> Call[BackupSummary]:
    """Open a backup to its end, with the site's own secret, and say what it holds."""
    return Call("POST", "/backup/verify", TypeAdapter(BackupSummary), seconds=MOVE_SECONDS)


def restore_backup(options: RestoreOptions, passphrase: str | None) -> Call[RestoreResult]:
    """Make the configuration what a backup holds."""
    path = path_of("backup", "restore", **options.as_texts())
    answer = TypeAdapter(RestoreResult)
    return Call("POST", path, answer, headers=_headers(passphrase), seconds=MOVE_SECONDS)


def _headers(passphrase: str | None) -> dict[str, str]:
    """Encode a passphrase as base64: it may be any text, which a header may not."""
    if passphrase is None:
        return {}
    return {PASSPHRASE_HEADER: b64encode(passphrase.encode()).decode()}
