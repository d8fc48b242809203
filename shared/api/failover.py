"""The planned change of the primary, a promotion by force, and a check of a failure's effects."""

from typing import Final

from pydantic import Field, TypeAdapter

from shared.api.call import Call
from shared.api.changes import NewLogGeneration
from shared.api.model import ApiModel, NodeName
from shared.domain.ids import Epoch, NodeId
from shared.domain.log_server import LogServerState
from shared.domain.next_failure import NextFailure
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionStatus

PROMOTE_SECONDS: Final = 15.0


class SwitchoverRequest(ApiModel):
    """Names the master that is to be primary; the other one when none is named."""

    to: NodeName | None = None


class SwitchoverResult(ApiModel):
    """*primary* is primary of *epoch*; nobody acted for *seconds*."""

    primary: NodeId
    previous: NodeId
    epoch: Epoch
    seconds: float


class PromotionRequest(ApiModel):
    """Names the master that goes on alone, and the reason; without *force* it is refused."""

    node: NodeName
    force: bool = False
    reason: str = Field(default="", max_length=500)


class MasterCheck(ApiModel):
    """The report of one master on itself; *reasons* bar it from taking the role over.

    *redirection* is how the primary leads the site's address to itself.
    """

    node: NodeId
    answers: bool
    role: MasterRole | None = None
    epoch: Epoch | None = None
    could_take_over: bool = False
    reasons: tuple[str, ...] = ()
    redirection: RedirectionStatus = RedirectionStatus()


class FailoverCheck(ApiModel):
    """The prediction of what would happen if the primary, or anything else, failed now.

    *log_servers* is the state of each server of the log; where no master may ask them, nothing is
    known of them. *failures* says what follows from each single failure, *survival* the same in one
    line, and *survives_loss* whether the site goes on and loses nothing, whichever it is.
    """

    primary: NodeId | None
    successor: NodeId | None
    verdict: str
    masters: tuple[MasterCheck, ...]
    log_servers: dict[NodeId, LogServerState] = {}
    failures: tuple[NextFailure, ...] = ()
    survival: str = ""
    survives_loss: bool = False


def switch_over(request: SwitchoverRequest) -> Call[SwitchoverResult]:
    """Make another master primary; changes wait meanwhile, and none is refused."""
    return Call("POST", "/switchover", TypeAdapter(SwitchoverResult), request)


def check_failover() -> Call[FailoverCheck]:
    """Ask every master what it would do if the primary failed now, and why."""
    return Call("GET", "/failover/check", TypeAdapter(FailoverCheck))


def promote(request: PromotionRequest) -> Call[NewLogGeneration]:
    """Have a master go on alone, without a quorum."""
    answer = TypeAdapter(NewLogGeneration)
    return Call("POST", "/failover/promote", answer, request, seconds=PROMOTE_SECONDS)
