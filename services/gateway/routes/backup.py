"""Backups over HTTP: made as a stream of bytes, looked through, and brought back as changes."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse

from services.gateway.backups import Opened
from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.documents import shown_change
from services.gateway.routes.door import TheCaller, TheDoor, TheRequestId
from shared.api.backups import BackupSummary, RestoreOptions, RestoreResult
from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64, decode_text
from shared.domain.errors import InvalidChange

router = APIRouter(prefix="/backup", tags=["backup"], route_class=DecodedRoute)

BYTES: Final = "application/octet-stream"


def passphrase(
    meridian_passphrase: Annotated[str | None, Header(max_length=4_096)] = None,
) -> str | None:
    """What seals the backup instead of the site's secret: base64, so that it may be any text.

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


@router.post("", response_class=StreamingResponse)
async def create(door: TheDoor, caller: TheCaller, secret: ThePassphrase) -> StreamingResponse:
    """Everything that the site knows, as one sealed file; a stream that breaks off is no backup."""
    caller.require(Action.OPERATE)
    made = door.backups.create(door.backups.key(secret), door.clock.unix_ms())
    stream = _told(door, caller.user, made)
    first = await anext(stream)  # what is refused is refused before the answer begins
    return StreamingResponse(_from(first, stream), media_type=BYTES)


@router.post("/verify")
async def verify(
    door: TheDoor, caller: TheCaller, secret: ThePassphrase, request: Request
) -> BackupSummary:
    """Open a backup to its end and say what it holds; nothing is changed."""
    caller.require(Action.OPERATE)
    with told(door, "backup verify", caller.user):
        opened = await _opened(door, request, secret, from_another=True)
    return opened.summary()


@router.post("/restore")
async def restore(
    options: Annotated[RestoreOptions, Query()],
    door: TheDoor,
    caller: TheCaller,
    secret: ThePassphrase,
    request: Request,
    request_id: TheRequestId,
) -> RestoreResult:
    """Make the configuration what a backup holds; documents made since stay, unless `prune`."""
    caller.require(Action.CONFIGURE)
    operation = "backup restore" + (", dry run" if options.dry_run else "")
    with told(door, operation, caller.user):
        opened = await _opened(door, request, secret, from_another=options.from_another)
        changes, revision = await door.backups.restore(
            opened, (request_id, caller.user), prune=options.prune, dry_run=options.dry_run
        )
        conflicts = await door.backups.reopen(opened, dry_run=options.dry_run)
        stays = [] if options.prune else await door.backups.beyond(opened)
    return RestoreResult(
        backup=opened.summary(),
        changes=tuple(shown_change(each) for each in changes),
        revision=revision,
        stays=tuple(stays),
        conflicts=tuple(conflicts),
    )


async def _opened(
    door: TheDoor, request: Request, secret: str | None, *, from_another: bool
) -> Opened:
    key = door.backups.key(secret)
    return await door.backups.open(request.stream(), key, from_another=from_another)


async def _told(door: TheDoor, author: str, stream: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    with told(door, "backup create", author):
        async for part in stream:
            yield part


async def _from(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for part in rest:
        yield part
