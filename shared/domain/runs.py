"""Reads from a service's mark in the node's folder how its runs ended; pure.

The mark is there while a service runs, and removed at a clean end. So one that is found at a start
is of a run that ended uncleanly: it crashed, was killed, or its machine lost power. The marks of
such runs in a row make a chain, which counts them and remembers when the last of them began; a
clean end breaks it.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from shared.decoding.fields import decode_object
from shared.domain.ids import UnixMillis

LOOP_RUNS: Final = 3
LOOP_MS: Final = 60_000
"""So many unclean ends of runs that began within so long are a crash loop."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of *service*: who it is, and what came before it in its chain.

    *starts* are those of the chain's last runs, this one's last; *restarts* counts the unclean ends
    since the last clean one.
    """

    service: str
    pid: int
    boot_id: str
    version: str
    started_unix_ms: int
    restarts: int = 0
    starts: tuple[int, ...] = ()

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def decode(data: bytes) -> "Run":
        """Read a mark.

        Raises:
            Undecodable: it is none.
        """
        fields = decode_object(data, "the mark of a run")
        starts = fields.items("starts")
        return Run(
            service=fields.text("service"),
            pid=fields.integer("pid"),
            boot_id=fields.text("boot_id"),
            version=fields.text("version"),
            started_unix_ms=fields.integer("started_unix_ms"),
            restarts=fields.integer("restarts"),
            starts=tuple(each for each in starts if isinstance(each, int))[-LOOP_RUNS - 1 :],
        )

    def after(self, unclean: "Run | None") -> "Run":
        """Return this run as the next one after *unclean*, or as the first of a chain."""
        before = () if unclean is None else unclean.starts
        return Run(
            service=self.service,
            pid=self.pid,
            boot_id=self.boot_id,
            version=self.version,
            started_unix_ms=self.started_unix_ms,
            restarts=0 if unclean is None else unclean.restarts + 1,
            starts=(*before[-LOOP_RUNS:], self.started_unix_ms),
        )

    def is_crash_loop(self, now: UnixMillis, *, runs: bool) -> bool:
        """Say whether the last runs ended uncleanly in a row; *runs*: this one has not yet.

        A run that has lasted for a minute shows that the loop is over.
        """
        ended = self.starts[:-1] if runs else self.starts
        if len(ended) < LOOP_RUNS or ended[-1] - ended[-LOOP_RUNS] > LOOP_MS:
            return False
        return not runs or now - self.started_unix_ms < LOOP_MS
