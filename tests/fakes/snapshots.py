"""The object store of snapshots in memory."""

from dataclasses import dataclass, field

from shared.clusterlog.snapshots import SnapshotMissing
from shared.domain.errors import LogUnavailable


@dataclass
class MemorySnapshots:
    """Objects by name; nothing is stored or fetched while it is not *reachable*."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    is_reachable: bool = True

    async def put(self, name: str, data: bytes) -> None:
        self._require_connection()
        self.objects[name] = data

    async def get(self, name: str) -> bytes:
        self._require_connection()
        if name not in self.objects:
            raise SnapshotMissing(f"{name} is not there any more")
        return self.objects[name]

    async def drop(self, name: str) -> bool:
        self._require_connection()
        return self.objects.pop(name, None) is not None

    def _require_connection(self) -> None:
        if not self.is_reachable:
            raise LogUnavailable("there is no connection to NATS")
