"""Makes backup files of the master state from a master's snapshot; restores them as changes.

A backup is sealed while it is written and opened while it is read, one chunk in memory at a time;
nothing of it is used before all of it was opened. A restore is an apply like any other: it is
planned against the present configuration, goes through the log, and shows in its history. The open
conflicts of the masters are part of a backup and open again after a restore. A restore changes
neither the keys of nodes that exist, nor this site's own secret: both belong to machines, not to
the configuration; `core.another_site` says what else stays when the backup is another site's.
Users' password hashes are sealed again with this site's secret.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from services.gateway.access.passwords import Passwords
from services.gateway.backups.core.another_site import adapt_to_site
from services.gateway.backups.core.contents import (
    CHUNK,
    END,
    MANIFEST,
    Contents,
    conflict_frame,
    password_frames,
    with_own_keys,
)
from services.gateway.backups.snapshots import MasterSnapshots
from services.gateway.configuration.core import Edit, Planned
from services.gateway.configuration.editor import Editor
from services.gateway.conflicts.conflicts import MastersConflicts
from shared.api.backups import BackupSummary
from shared.api.documents import ApplyRequest, DesiredDocument
from shared.crypto.backup import BackupKey, BackupOpener, BackupSealer, Header
from shared.documents import DOCUMENTS, Kind
from shared.domain.conflict import ConflictLine
from shared.domain.document import Document, Ref
from shared.domain.errors import BackupForeign, BackupTooNew, InvalidChange
from shared.domain.ids import ClusterId, Revision
from shared.domain.snapshot import Chunk, Manifest
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory

LARGEST_BYTES: Final = 1 << 30
"""The largest backup that can be opened."""


@dataclass(frozen=True)
class OpenedBackup:
    """A backup that was opened to its end: every part is there and unchanged."""

    header: Header
    manifest: Manifest
    contents: Contents

    def summary(self) -> BackupSummary:
        position = self.manifest.position
        return BackupSummary(
            site=self.header.site,
            cluster_id=self.header.cluster_id,
            at_unix_ms=self.header.at,
            log_generation=position.log_generation,
            revision=position.revision,
            epoch=position.epoch,
            hash=position.hash,
            documents=dict(sorted(Counter(e.kind for e in self.contents.documents).items())),
            requests=self.contents.requests,
            conflicts=len(self.contents.conflicts),
            silent=tuple(self.header.silent),
            by_passphrase=self.header.by_passphrase,
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """The changes of a restore, their last revision, and what *kept* its state here, in words."""

    changes: tuple[Planned, ...]
    revision: Revision | None
    kept: tuple[str, ...]


@dataclass
class BackupFiles:
    """Makes backup files and restores them; *own_key* is derived from the site's secret."""

    snapshots: MasterSnapshots
    conflicts: MastersConflicts
    directory: Directory
    editor: Editor
    passwords: Passwords
    cluster_id: ClusterId
    own_key: bytes
    clock: Clock

    def key(self, passphrase: str | None) -> BackupKey:
        """Derive a backup's key from *passphrase*, or take this site's own.

        Raises:
            InvalidChange: the passphrase is too short.
        """
        if passphrase is None:
            return BackupKey(self.own_key, by_passphrase=False)
        return BackupKey.of_passphrase(passphrase)

    async def create(self, key: BackupKey) -> AsyncGenerator[bytes]:
        """Make a backup; yield its bytes, part by part. Refusals come before the first part.

        Raises:
            Unavailable: no master offers its state, or one does not give what it has.
            BrokenChunk: a newer snapshot took its place meanwhile; try again.
        """
        offered = await self.snapshots.offer()
        site = "" if self.directory.site is None else self.directory.site.name
        listed = await self.conflicts.list_all()
        sealer = BackupSealer(key, self.cluster_id, site, self.clock.unix_ms(), listed.silent)
        yield sealer.begin() + sealer.frame(MANIFEST + offered.signed)
        passwords: dict[str, str] = {}
        for number, ref in enumerate(offered.manifest.chunks):
            data = await self.snapshots.chunk(offered.name, number, ref)
            if key.by_passphrase:
                passwords |= self._clear_passwords(data)
            yield sealer.frame(CHUNK + data)
        async for part in self.conflicts.export(listed.conflicts):
            yield sealer.frame(conflict_frame(part.identity, part.bundle))
        for frame in password_frames(passwords):
            yield sealer.frame(frame)
        yield sealer.frame(END, is_last=True)

    async def open(
        self, data: AsyncIterable[bytes], key: BackupKey, *, from_another: bool = False
    ) -> OpenedBackup:
        """Open a backup to its end.

        Raises:
            BackupRefused: it is not whole, not unchanged, not of this cluster, or not to be opened.
            InvalidChange: it is larger than any may be.
        """
        opener, contents, size = BackupOpener(key), Contents(), 0
        async for part in data:
            size += len(part)
            if size > LARGEST_BYTES:
                raise InvalidChange(f"a backup is no larger than {LARGEST_BYTES >> 20} MiB")
            for frame in opener.feed(part):
                contents.add_frame(frame)
        for frame in opener.end():
            contents.add_frame(frame)
        header = opener.header
        assert header is not None, "an opened backup has its header"
        if header.cluster_id != self.cluster_id and not (key.by_passphrase and from_another):
            raise BackupForeign(
                f"the backup is of {header.site}, of another cluster ({header.cluster_id}): "
                "one made with a passphrase can be brought here, by --from-another-site"
            )
        return OpenedBackup(header, contents.require_whole(), contents)

    async def restore(
        self, backup: OpenedBackup, edit: Edit, *, prune: bool, dry_run: bool
    ) -> Restored:
        """Make the configuration what *backup* holds.

        Raises:
            MeridianError: as `Editor.apply`.
        """
        kept: list[str] = []
        build = partial(self._apply_request, backup, kept, prune=prune, dry_run=dry_run)
        changes, revision = await self.editor.apply(build, edit)
        return Restored(changes, revision, tuple(kept))

    async def restore_conflicts(self, backup: OpenedBackup, *, dry_run: bool) -> list[ConflictLine]:
        """Have masters keep *backup*'s open conflicts again; return where each is, or would be.

        Raises:
            MeridianError: as `MastersConflicts.restore`.
        """
        return await self.conflicts.restore(backup.contents.conflicts.values(), dry_run=dry_run)

    async def missing_documents(self, backup: OpenedBackup) -> list[str]:
        """List the documents that the site has and *backup* has not."""
        build = partial(self._apply_request, backup, [], prune=True, dry_run=True)
        plan = await self.editor.plan_changes(build)
        return [f"{each.kind} {each.id}" for each in plan if each.after is None]

    def _apply_request(
        self,
        backup: OpenedBackup,
        kept: list[str],
        current: Mapping[Ref, Document],
        *,
        prune: bool,
        dry_run: bool,
    ) -> ApplyRequest:
        """Build what to apply over the *current* documents; add to *kept* what stays as it is."""
        bodies: dict[Ref, dict[str, Any]] = {
            each.ref: self._with_clear_password(each.kind, body)
            for each, body in backup.contents.bodies()
        }
        here = {ref: document.body for ref, document in current.items()}
        if backup.header.cluster_id != self.cluster_id:
            adapted = adapt_to_site(bodies, here)
            bodies = adapted.bodies
            kept += adapted.kept
        wanted = [
            DesiredDocument(kind=require_known_kind(kind), id=id_, body=body)
            for (kind, id_), body in with_own_keys(bodies, here).items()
        ]
        return ApplyRequest(documents=tuple(wanted), prune=prune, dry_run=dry_run)

    def _with_clear_password(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return *body* with the hash in clear, which an apply seals with this site's secret."""
        if kind != Kind.USER:
            return body
        return {**body, "password_hash": self.passwords.clear(str(body.get("password_hash", "")))}

    def _clear_passwords(self, chunk: bytes) -> dict[str, str]:
        return {
            each.id: self.passwords.clear(str(each.body["password_hash"]))
            for each in Chunk.decode(chunk).documents
            if each.kind == Kind.USER and each.body.get("password_hash")
        }


def require_known_kind(kind: str) -> Kind:
    if kind not in set(DOCUMENTS):
        raise BackupTooNew(f"the backup holds a {kind}, which this release does not know")
    return Kind(kind)
