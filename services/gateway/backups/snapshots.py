"""Reads the snapshot that a master offers: its signed manifest, then its chunks one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shared.clusterlog.snapshots import chunk_name
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature, BrokenChunk
from shared.domain.ids import NodeId
from shared.domain.snapshot import ChunkRef, Manifest, Scope, SignedSnapshot
from shared.events.replication import OfferSnapshot
from shared.messaging.ports import Asks

OFFER_SECONDS: Final = 15.0

Verify = Callable[[NodeId, bytes, bytes], bool]
"""Whether a master's signature of some bytes holds."""


class SnapshotObjects(Protocol):
    """The object store of snapshots."""

    async def get(self, name: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class OfferedSnapshot:
    """A snapshot that was checked: its name, its signed bytes and its manifest."""

    name: str
    signed: bytes
    manifest: Manifest


@dataclass
class MasterSnapshots:
    """Snapshots of the whole master state, as masters put them into the object store."""

    publisher: Asks
    objects: SnapshotObjects
    verify: Verify

    async def offer(self) -> OfferedSnapshot:
        """Have a master offer a snapshot.

        Raises:
            Unavailable: no master offers one.
            BadSignature: no known master signed it, or it is not of everything.
        """
        offered = await self.publisher.ask(
            OfferSnapshot(scope=Scope.FULL), timeout_seconds=OFFER_SECONDS
        )
        signed = await self.objects.get(offered.name)
        return OfferedSnapshot(offered.name, signed, self._verified_manifest(signed))

    async def chunk(self, name: str, number: int, ref: ChunkRef) -> bytes:
        """Read the chunk of *number* of the snapshot *name*.

        Raises:
            BrokenChunk: a newer snapshot took its place meanwhile; try again.
        """
        data = await self.objects.get(chunk_name(name, number))
        if ChunkRef.of(data) != ref:
            raise BrokenChunk(
                f"chunk {number} of snapshot {name} was replaced meanwhile; try again"
            )
        return data

    def _verified_manifest(self, data: bytes) -> Manifest:
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
