"""Decides what this master's last writes prove: whether its database takes a change now.

The proof is the last commit of the kind that an append needs: an append's own, or that of a probe
on an idle site. What the database refused, or did not answer, is no commit, so the proof grows old.

A refusal is an answer, and says more than silence: a server that restarts or waits for a lock may
be well in a moment, one whose disk is full is not. Refusals in a row are therefore counted. A probe
is the weaker of the two, because its page may still be there when none of another size is. So its
commit does not take back what was refused to an append: only an append that commits does, a later
entry that the follower applied to the same database, or `REMEMBERED_SECONDS` without a refusal.
Otherwise two masters with full disks would each look well while the other one is primary, and pass
the role to and fro.

An append also needs this process's own connection to the log. That its server answers on it is
noted beside the commits, and the proof is no younger than that. A log without a leader is no fault
of a connection: all masters share it, and none of them would do better.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Epoch, Instant, NodeId, Revision
from shared.domain.refusal import StoreRefused
from shared.events.proof import ServiceProof

REMEMBERED_SECONDS: Final = 60.0
"""How long a refused append counts, unless one commits before."""

LONGEST_CAUSE: Final = 400
"""Characters of a cause that a proof repeats; the database chose them."""


@dataclass
class CommitRecord:
    """What became of this process's writes; *committed_at* is the time of the last commit."""

    committed_at: Instant = Instant(0.0)
    _linked_at: Instant = Instant(0.0)
    _refused_appends: int = 0
    _refused_at: Instant = Instant(0.0)
    _refused_revision: Revision = Revision(0)
    _refused_probes: int = 0
    _append_cause: str = ""
    _store_cause: str = ""
    _link_cause: str = ""

    def record_append(self, now: Instant) -> None:
        """Note that an append was committed: the database and the connection to the log work."""
        self._refused_appends, self._append_cause = 0, ""
        self.record_probe(now)
        self.record_link(now)

    def record_applied(self, revision: Revision) -> None:
        """Note that the database has the entry of *revision*, as its follower reports."""
        if self._refused_appends and revision > self._refused_revision:
            self._refused_appends, self._append_cause = 0, ""

    def record_probe(self, now: Instant) -> None:
        """Note that a probe was committed."""
        self.committed_at = max(self.committed_at, now)
        self._refused_probes, self._store_cause = 0, ""

    def record_link(self, now: Instant) -> None:
        """Note that a server answered on the connection to the log."""
        self._linked_at = max(self._linked_at, now)
        self._link_cause = ""

    def record_lost_link(self, cause: str) -> None:
        """Note that no server answered on the connection to the log."""
        self._link_cause = cause

    def record_failed_append(
        self, error: StoreUnavailable, revision: Revision, now: Instant
    ) -> None:
        """Note that the database, at *revision*, took no append: it refused, or was silent."""
        self._store_cause = error.message
        if isinstance(error, StoreRefused):
            self._refused_appends = self._appends_refused_until(now) + 1
            self._refused_at, self._refused_revision = now, revision
            self._append_cause = error.message

    def record_failed_probe(self, error: StoreUnavailable) -> None:
        """Note that the database took no probe: it refused, or it was silent."""
        self._store_cause = error.message
        self._refused_probes += isinstance(error, StoreRefused)

    def prove(self, node: NodeId, epoch: Epoch, now: Instant) -> ServiceProof:
        """Return what this record proves of *node*, which accepts changes in *epoch* (0: none)."""
        refused_appends = self._appends_refused_until(now)
        cause = self._append_cause if refused_appends else self._store_cause
        return ServiceProof(
            node=node,
            worked_at=min(self.committed_at, self._linked_at),
            refusals=max(refused_appends, self._refused_probes),
            cause=(cause or self._link_cause)[:LONGEST_CAUSE],
            epoch=epoch,
        )

    def _appends_refused_until(self, now: Instant) -> int:
        is_remembered = now - self._refused_at < REMEMBERED_SECONDS
        return self._refused_appends if is_remembered else 0
