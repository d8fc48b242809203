"""Decides what the site survives, from the states of the servers that keep the cluster log.

The log's servers are those of the masters and the witness. The log accepts an entry while more than
half of them work, so of three servers the site survives the loss of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.domain.ids import NodeId


class LogServerState(StrEnum):
    """The state of one log server.

    `JETSTREAM_OFF`: it runs, but stopped storing (its disk was full), and begins again only when it
    is restarted. `BEHIND`: it stores, but does not keep up with the others. `SILENT`: it does not
    answer.
    """

    WORKING = "working"
    BEHIND = "behind"
    JETSTREAM_OFF = "jetstream_off"
    SILENT = "silent"


FAULTS: Final[Mapping[LogServerState, str]] = {
    LogServerState.BEHIND: "its log server does not keep up with the others",
    LogServerState.JETSTREAM_OFF: (
        "its log server stores nothing, JetStream is off (was its disk full?): restart the server"
    ),
    LogServerState.SILENT: "its log server does not answer",
}
"""What is wrong in each state, said of the server's node."""


@dataclass(frozen=True, slots=True)
class LogQuorum:
    """The states of all log servers, by node; nothing is known while there are none."""

    states: Mapping[NodeId, LogServerState]

    @property
    def working(self) -> Sequence[NodeId]:
        return sorted(
            node for node, state in self.states.items() if state is LogServerState.WORKING
        )

    @property
    def out(self) -> Sequence[NodeId]:
        """The nodes whose server does not take part now."""
        return sorted(self.states.keys() - set(self.working))

    @property
    def quorum(self) -> int:
        """How many servers must store an entry before the log accepts it."""
        return len(self.states) // 2 + 1

    @property
    def spare(self) -> int:
        """How many working servers may be lost before the log accepts nothing; -1: it is so now."""
        return max(len(self.working) - self.quorum, -1)

    @property
    def survives_loss(self) -> bool:
        """Say whether the log goes on when any one of the working servers is lost."""
        return self.spare > 0

    def describe(self) -> str:
        """Say in one sentence what the log survives; empty while nothing is known."""
        working, out = listed(self.working), listed(self.out)
        if not self.states:
            return ""
        if self.spare > 1:
            return f"the log goes on without any {self.spare} of its servers on {working}"
        if self.spare == 1:
            return f"the log goes on without any one of its servers on {working}"
        if self.spare < 0:
            return f"the log has no quorum and accepts no change: bring {out} back"
        repair = f": bring {out} back" if self.out else ""
        return f"the site survives no further loss of a log server ({working}){repair}"


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """List *names* as in a sentence: `alpha, bravo and witness`."""
    *most, last = names or ("none",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last
