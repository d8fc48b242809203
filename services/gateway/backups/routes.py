"""HTTP of backups: made as a stream of bytes, verified, and restored as changes."""

from collections.abc import AsyncGenerator
from typing import Annotated, ClassVar, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse

from services.gateway.access.audit_log import AuditLog
from services.gateway.access.callers import TheAuditLog, TheCaller
from services.gateway.access.signed_in_bodies import SignedInBody
from services.gateway.backups.backups import LARGEST_BYTES, BackupFiles
from services.gateway.configuration.core import Edit
from services.gateway.configuration.routes.documents import shown_change
from services.gateway.core.roles import Action
from services.gateway.http.provided import provided
from services.gateway.http.requests import TheRequestId
from shared.api.backups import BackupSummary, RestoreOptions, RestoreResult
from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64, decode_text
from shared.domain.errors import InvalidChange


class BackupBody(SignedInBody):
    """A route that takes a backup; it is opened while it comes, and never held as one."""

    longest_body_bytes: ClassVar[int] = LARGEST_BYTES


router = APIRouter(prefix="/backup", tags=["backup"], route_class=BackupBody)

BYTES: Final = "application/octet-stream"


def passphrase(
    meridian_passphrase: Annotated[str | None, Header(max_length=4_096)] = None,
) -> str | None:
    """Read the passphrase that seals the backup instead of the site's secret: base64 of any text.

    Raises:
        InvalidChange: it is no base64 of a text.
    """
    if meridian_passphrase is None:
        return None
    try:
        return decode_text(decode_base64(meridian_passphrase))
    except Undecodable as error:
        raise InvalidChange(
            "Meridian-Passphrase is no base64 of a text", field="Meridian-Passphrase"
        ) from error


ThePassphrase = Annotated[str | None, Depends(passphrase)]
TheBackupFiles = Annotated[BackupFiles, Depends(provided(BackupFiles))]


async def restoring_edit(caller: TheCaller, request_id: TheRequestId) -> Edit:
    """Return the edit of a caller who may restore a backup.

    Raises:
        Forbidden: the role does not allow it.
    """
    caller.require(Action.CONFIGURE)
    return Edit(caller.user, request_id)


RestoringEdit = Annotated[Edit, Depends(restoring_edit)]


@router.post("", response_class=StreamingResponse)
async def create(
    backups: TheBackupFiles, audit: TheAuditLog, caller: TheCaller, secret: ThePassphrase
) -> StreamingResponse:
    """Return all that the site knows as one sealed file; a stream that breaks off is no backup."""
    caller.require(Action.OPERATE)
    stream = _recorded(audit, caller.user, backups.create(backups.key(secret)))
    first = await anext(stream)  # a refusal must come before the answer begins
    return StreamingResponse(_rejoined(first, stream), media_type=BYTES)


@router.post("/verify")
async def verify(
    backups: TheBackupFiles,
    audit: TheAuditLog,
    caller: TheCaller,
    secret: ThePassphrase,
    request: Request,
) -> BackupSummary:
    """Open a backup to its end and say what it holds; nothing is changed."""
    caller.require(Action.OPERATE)
    with audit.record("backup verify", caller.user):
        key = backups.key(secret)
        opened = await backups.open(request.stream(), key, from_another=True)
    return opened.summary()


@router.post("/restore")
async def restore(
    options: Annotated[RestoreOptions, Query()],
    backups: TheBackupFiles,
    audit: TheAuditLog,
    edit: RestoringEdit,
    secret: ThePassphrase,
    request: Request,
) -> RestoreResult:
    """Make the configuration what a backup holds; documents made since stay, unless `prune`."""
    operation = "backup restore" + (", dry run" if options.dry_run else "")
    with audit.record(operation, edit.author):
        key = backups.key(secret)
        opened = await backups.open(request.stream(), key, from_another=options.from_another)
        restored = await backups.restore(opened, edit, prune=options.prune, dry_run=options.dry_run)
        conflicts = await backups.restore_conflicts(opened, dry_run=options.dry_run)
        stays = [] if options.prune else await backups.missing_documents(opened)
    return RestoreResult(
        backup=opened.summary(),
        changes=tuple(map(shown_change, restored.changes)),
        revision=restored.revision,
        stays=tuple(stays),
        conflicts=tuple(conflicts),
        kept=restored.kept,
    )


async def _recorded(
    audit: AuditLog, author: str, stream: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    with audit.record("backup create", author):
        async for part in stream:
            yield part


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for part in rest:
        yield part
