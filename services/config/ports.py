"""What the write path needs of PostgreSQL and of the log, as narrow as it is."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from shared.clusterlog.log import RawEntry
from shared.domain.document import Document
from shared.domain.ids import LogGeneration, RequestId
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import LogPosition, ReplicationMode, StoredEntry
from shared.persistence.master_state import AnsweredRequest


class Open(Protocol):
    """A transaction that locks the position: what is done in it stands together or not at all."""

    @property
    def position(self) -> LogPosition: ...
    @property
    def mode(self) -> ReplicationMode: ...
    async def apply(self, stored: StoredEntry, sequence: LogSequence) -> bool: ...
    async def documents(self) -> tuple[Document, ...]: ...


class State(Protocol):
    """The master state of this master."""

    def transaction(self) -> AbstractAsyncContextManager[Open]: ...
    async def answered(self, requests: Sequence[RequestId]) -> dict[RequestId, AnsweredRequest]: ...


class Log(Protocol):
    """One generation of the cluster log, and the way to the others."""

    @property
    def generation(self) -> LogGeneration: ...
    def of(self, generation: LogGeneration) -> "Log": ...
    async def later(self) -> tuple[LogGeneration, ...]: ...
    async def append(self, stored: StoredEntry, expected: LogSequence) -> LogSequence: ...
    async def get(self, sequence: LogSequence) -> RawEntry | None: ...
    def read_from(self, sequence: LogSequence) -> AsyncGenerator[RawEntry]: ...
