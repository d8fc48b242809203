"""Decides what the site survives next: for each thing that may fail, whether changes go on.

One thing fails: a master with its machine, so its log server too, or a log server alone. Changes go
on if a master is left that accepts them and the log's servers that are left are a quorum. The
primary accepts changes while it has no reasons; another master does once it takes the role over,
if it could.

An acknowledged change is safe while it is somewhere for sure. A quorum of the log's servers stored
it before it was acknowledged, and those that keep up have it by now; so with a quorum of q among w
working servers, any w - q + 1 of them hold every change between them. The primary's database holds
them all, and so does that of a master which could take over. What is out already counts for
nothing, though its disk may hold what is asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.ids import NodeId
from shared.domain.log_server import LogQuorum, listed
from shared.domain.next_failure import FailingPart, NextFailure


@dataclass(frozen=True, slots=True)
class MasterFacts:
    """What one master says of itself; a master that does not answer is out and has no facts.

    *reasons* are the faults of a primary, or bar a backup from taking the role over.
    """

    node: NodeId
    is_primary: bool
    could_take_over: bool = False
    reasons: Sequence[str] = ()

    @property
    def would_accept(self) -> bool:
        """Say whether this master accepts changes, or would as soon as it is needed."""
        return not self.reasons if self.is_primary else self.could_take_over

    @property
    def holds_all(self) -> bool:
        """Say whether its database has every acknowledged change for sure."""
        return self.is_primary or self.could_take_over


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The masters that answer, and the log's servers; nothing is known of servers without states.

    A site whose log is not known is judged by its masters alone.
    """

    masters: Sequence[MasterFacts]
    log: LogQuorum

    @property
    def accepts_changes(self) -> bool:
        """Say whether changes are accepted now, or will be once a master took the role over."""
        return self._goes_on(self.masters, self.log.working)

    @property
    def is_well(self) -> bool:
        """Say whether a primary is without faults and no log server is out."""
        primaries = [master for master in self.masters if master.is_primary]
        return any(master.would_accept for master in primaries) and not self.log.out

    def forecast(self) -> tuple[NextFailure, ...]:
        """Return what follows from each single failure that may come next, masters first."""
        masters = (self._forecast(FailingPart.MASTER, each.node) for each in self.masters)
        servers = (self._forecast(FailingPart.LOG_SERVER, node) for node in self.log.working)
        return (*masters, *servers)

    def _forecast(self, part: FailingPart, node: NodeId) -> NextFailure:
        is_master = part is FailingPart.MASTER
        masters = [each for each in self.masters if not (is_master and each.node == node)]
        servers = [each for each in self.log.working if each != node]
        return NextFailure(
            part=part,
            node=node,
            goes_on=self._goes_on(masters, servers),
            loses_nothing=self._keeps_all(masters, servers),
        )

    def _goes_on(self, masters: Iterable[MasterFacts], servers: Sequence[NodeId]) -> bool:
        has_log = not self.log.states or len(servers) >= self.log.quorum
        return has_log and any(master.would_accept for master in masters)

    def _keeps_all(self, masters: Iterable[MasterFacts], servers: Sequence[NodeId]) -> bool:
        working, quorum = len(self.log.working), self.log.quorum
        in_log = working >= quorum and len(servers) > working - quorum
        return in_log or any(master.holds_all for master in masters)


def survives_next(failures: Sequence[NextFailure]) -> bool:
    """Say whether the site goes on and loses nothing, whichever one thing fails next."""
    return bool(failures) and all(each.goes_on and each.loses_nothing for each in failures)


def describe_survival(facts: SiteFacts) -> str:
    """Say in one line what the site survives next, and what it does not."""
    failures = facts.forecast()
    last = (*_losses(failures), *_repair(facts.log))
    if not facts.accepts_changes:
        return "; ".join(("the site accepts no change now", *last))
    survived = [each for each in failures if each.goes_on and each.loses_nothing]
    fatal = [each for each in failures if not each.goes_on]
    sentences = [f"the site goes on and loses nothing if {_any_of(survived)} fails"]
    if not survived:
        sentences = ["the site survives no further loss"]
    if fatal:
        sentences.append(f"it accepts no change without {_any_of(fatal)}")
    return "; ".join((*sentences, *last))


def _losses(failures: Iterable[NextFailure]) -> list[str]:
    lossy = [each for each in failures if not each.loses_nothing]
    return [f"acknowledged changes may be lost with {_any_of(lossy)}"] if lossy else []


def _repair(log: LogQuorum) -> list[str]:
    """Name the servers to bring back, if any."""
    noun = "log server" if len(log.out) == 1 else "log servers"
    return [f"bring the {noun} of {listed(log.out)} back"] if log.out else []


def _any_of(failures: Sequence[NextFailure]) -> str:
    """Name the parts: `alpha, bravo or the log server of alpha, bravo or witness`."""
    masters = [each.node for each in failures if each.part is FailingPart.MASTER]
    servers = [each.node for each in failures if each.part is FailingPart.LOG_SERVER]
    named = ([listed(masters, "or")] if masters else []) + (
        [f"the log server of {listed(servers, 'or')}"] if servers else []
    )
    return ", or ".join(named)
