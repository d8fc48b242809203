"""The port of the log's readers: one generation, and the way to the others."""

from typing import Protocol

from shared.clusterlog.log import RawEntry
from shared.domain.ids import LogGeneration, Sequence


class LogReader(Protocol):
    """Reads single entries of one generation; `ClusterLog` over NATS."""

    @property
    def generation(self) -> LogGeneration: ...
    def of(self, generation: LogGeneration) -> "LogReader": ...
    async def later(self) -> tuple[LogGeneration, ...]: ...
    async def get(self, sequence: Sequence) -> RawEntry | None: ...
