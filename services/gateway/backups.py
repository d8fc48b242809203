"""Backups of the master state: made of the snapshot that a master offers, brought back as changes.

A backup is sealed while it is written and opened while it is read, one chunk in memory at a time;
nothing of it is used before all of it was opened. Bringing it back is an apply like any other: it
is planned against what is there, goes through the log, and shows in its history. What masters keep
as open conflicts is in it too, and open again afterwards. Two things stay as they are, because they
are facts of machines and no configuration: the keys of nodes that are there, and this site's own
secret, under which users' password hashes are sealed anew.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.gateway.apply import Editor
from services.gateway.conflicts import MastersConflicts
from services.gateway.core.contents import CHUNK, END, MANIFEST, Contents, passwords_frames
from services.gateway.core.plan import Planned
from services.gateway.passwords import Passwords
from shared.api.backups import BackupSummary
from shared.api.documents import ApplyRequest, DesiredDocument
from shared.clusterlog.snapshots import chunk_name
from shared.crypto.backup import BackupKey, Header, Opener, Sealer
from shared.decoding.errors import Undecodable
from shared.documents import DOCUMENTS, Kind
from shared.domain.conflict import ConflictLine
from shared.domain.errors import (
    BackupForeign,
    BackupTooNew,
    BadSignature,
    BrokenChunk,
    InvalidChange,
)
from shared.domain.ids import ClusterId, NodeId, RequestId, Revision, UnixMillis
from shared.domain.snapshot import Chunk, ChunkRef, Manifest, Scope, SignedSnapshot
from shared.events.replication import OfferSnapshot
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

OFFER_SECONDS: Final = 15.0
LARGEST_BYTES: Final = 1 << 30
"""No backup that is brought back is larger."""

Verify = Callable[[NodeId, bytes, bytes], bool]


class Fetches(Protocol):
    """The object store of snapshots."""

    async def get(self, name: str) -> bytes: ...


@dataclass(frozen=True)
class Opened:
    """A backup that was opened to its end."""

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


@dataclass
class Backups:
    """Makes backups and brings them back; *own_key* is what the site's secret gives for them."""

    publisher: Asks
    shelf: Fetches
    directory: Directory
    editor: Editor
    passwords: Passwords
    conflicts: MastersConflicts
    cluster_id: ClusterId
    own_key: bytes
    verify: Verify

    def key(self, passphrase: str | None) -> BackupKey:
        """The key of a backup: *passphrase*'s, or this site's.

        Raises:
            InvalidChange: the passphrase is too short.
        """
        if passphrase is None:
            return BackupKey(self.own_key, by_passphrase=False)
        return BackupKey.of_passphrase(passphrase)

    async def create(self, key: BackupKey, at: UnixMillis) -> AsyncGenerator[bytes]:
        """A backup's bytes; what is refused is refused before the first of them.

        Raises:
            Unavailable: no master offers its state, or one does not give what it has.
            BrokenChunk: a newer snapshot took its place meanwhile; try again.
        """
        offered = await self.publisher.ask(
            OfferSnapshot(scope=Scope.FULL), timeout_seconds=OFFER_SECONDS
        )
        signed = await self.shelf.get(offered.name)
        manifest = self._trusted(signed)
        site = "" if self.directory.site is None else self.directory.site.name
        listed = await self.conflicts.listed()
        sealer = Sealer(key, self.cluster_id, site, at, listed.silent)
        yield sealer.begin() + sealer.frame(MANIFEST + signed)
        passwords: dict[str, str] = {}
        for number, ref in enumerate(manifest.chunks):
            data = await self._chunk(offered.name, number, ref)
            if key.by_passphrase:
                passwords |= self._opened_passwords(data)
            yield sealer.frame(CHUNK + data)
        async for frame in self.conflicts.frames(listed):
            yield sealer.frame(frame)
        for frame in passwords_frames(passwords):
            yield sealer.frame(frame)
        yield sealer.frame(END, is_last=True)

    async def open(
        self, data: AsyncIterable[bytes], key: BackupKey, *, from_another: bool = False
    ) -> Opened:
        """All of a backup, opened to its end.

        Raises:
            BackupRefused: it is not whole, not unchanged, not of this cluster, or not to be opened.
            InvalidChange: it is larger than any may be.
        """
        opener, contents, size = Opener(key), Contents(), 0
        async for part in data:
            size += len(part)
            if size > LARGEST_BYTES:
                raise InvalidChange(f"a backup is no larger than {LARGEST_BYTES >> 20} MiB")
            for frame in opener.feed(part):
                contents.take(frame)
        for frame in opener.end():
            contents.take(frame)
        header = opener.header
        assert header is not None, "an opened backup has its header"
        if header.cluster_id != self.cluster_id and not (key.by_passphrase and from_another):
            raise BackupForeign(
                f"the backup is of {header.site}, of another cluster ({header.cluster_id}): "
                "one made with a passphrase can be brought here, by --from-another-site"
            )
        return Opened(header, contents.whole(), contents)

    async def restore(
        self, backup: Opened, request: tuple[RequestId, str], *, prune: bool, dry_run: bool
    ) -> tuple[tuple[Planned, ...], Revision | None]:
        """Make the configuration what *backup* holds, by ordinary changes; the plan, and where.

        Raises:
            MeridianError: as `Editor.apply`.
        """
        return await self.editor.apply(self._apply(backup, prune=prune, dry_run=dry_run), request)

    async def reopen(self, backup: Opened, *, dry_run: bool) -> list[ConflictLine]:
        """Have masters keep the open conflicts of *backup* again; where each is, or would be.

        Raises:
            MeridianError: as `MastersConflicts.bring_back`.
        """
        return await self.conflicts.bring_back(backup.contents.conflicts.values(), dry_run=dry_run)

    async def beyond(self, backup: Opened) -> list[str]:
        """The documents that the site has and *backup* has not."""
        plan = await self.editor.difference(self._apply(backup, prune=True, dry_run=True))
        return [f"{each.kind} {each.id}" for each in plan if each.after is None]

    def _apply(self, backup: Opened, *, prune: bool, dry_run: bool) -> ApplyRequest:
        wanted = [
            DesiredDocument(kind=kind, id=each.id, body=self._wanted(kind, each.id, body))
            for each, body in backup.contents.bodies()
            for kind in (_known(each.kind),)
        ]
        return ApplyRequest(documents=tuple(wanted), prune=prune, dry_run=dry_run)

    def _wanted(self, kind: Kind, id_: str, body: dict[str, Any]) -> dict[str, Any]:
        """What is asked for of one document; `apply` seals a clear hash, and keeps a node's key."""
        if kind is Kind.NODE and id_ in self.directory.nodes:
            return {name: value for name, value in body.items() if name != "public_key"}
        if kind is Kind.USER:
            hash_ = self.passwords.clear(str(body.get("password_hash", "")))
            return {**body, "password_hash": hash_}
        return body

    def _trusted(self, data: bytes) -> Manifest:
        try:
            signed = SignedSnapshot.decode(data)
            manifest = Manifest.decode(signed.body)
        except Undecodable as error:
            raise BadSignature(str(error)) from error
        if not self.verify(signed.signer, signed.signature, signed.body):
            raise BadSignature(f"no known master signed the snapshot ({signed.signer})")
        if manifest.scope is not Scope.FULL:
            raise BadSignature(f"the snapshot is of scope {manifest.scope}, not everything")
        return manifest

    async def _chunk(self, name: str, number: int, ref: ChunkRef) -> bytes:
        data = await self.shelf.get(chunk_name(name, number))
        if ChunkRef.of(data) != ref:
            raise BrokenChunk(
                f"chunk {number} of snapshot {name} was replaced meanwhile; try again"
            )
        return data

    def _opened_passwords(self, chunk: bytes) -> dict[str, str]:
        return {
            each.id: self.passwords.clear(str(each.body["password_hash"]))
            for each in Chunk.decode(chunk).documents
            if each.kind == Kind.USER and each.body.get("password_hash")
        }


def _known(kind: str) -> Kind:
    if kind not in set(DOCUMENTS):
        raise BackupTooNew(f"the backup holds a {kind}, which this release does not know")
    return Kind(kind)
