"""The single failure that may come next, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.ids import NodeId


class FailingPart(StrEnum):
    """The part of a node that fails: a master with its machine, or a log server alone."""

    MASTER = "master"
    LOG_SERVER = "log_server"


@dataclass(frozen=True, slots=True)
class NextFailure:
    """What follows if *part* of *node* fails next, and nothing else.

    Changes go on, by a takeover if need be, or stop until something comes back. An acknowledged
    change is somewhere for sure, or may be lost if the part never comes back.
    """

    part: FailingPart
    node: NodeId
    goes_on: bool
    loses_nothing: bool
