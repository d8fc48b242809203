"""Messages on the primary: grants within a master, orders between masters, and results."""

from typing import ClassVar

from shared.domain.ids import Epoch, NodeId, Revision
from shared.domain.log_server import LogServerState
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.message import Done, Event, Message, Request
from shared.events.subject import Subject


class MasterGranted(Event):
    """The processes of this master may act as primary of *epoch* until *valid_until*.

    *valid_until* is an absolute CLOCK_BOOTTIME reading, in seconds, of the kernel *boot_id*:
    never counted from arrival, void on any other machine. Sent at each renewal of the lease.
    While it is *paused* they do not act, and keep the requests that wait for them: the role may be
    handed over, or go on. *planned* says that the epoch began by a switchover.
    """

    subject: ClassVar = Subject(
        "meridian.failover.{node}.grant",
        speakers=frozenset({"failover_monitor"}),
        sender_field="node",
    )

    node: NodeId
    epoch: Epoch
    boot_id: str
    valid_until: float
    paused: bool = False
    planned: bool = False


class RoleReadiness(Message):
    """The log position of a master, its obstacles, and the record that it awaits from now on.

    *instance* and *n* name that record: the primary may write it into the lease for this master.
    *signature* is the master's own, over `readiness_bytes`: the cluster's key does not prove which
    master spoke.
    """

    node: NodeId
    epoch: Epoch
    instance: str
    n: int
    revision: Revision
    hash: str
    reasons: tuple[str, ...] = ()
    signature: str = ""

    def readiness_bytes(self) -> bytes:
        """Build the text that the master signs: all that the primary relies on."""
        parts = (self.node, self.epoch, self.instance, self.n, self.revision, self.hash)
        texts = (*(str(part) for part in parts), *self.reasons)
        return "\n".join(("meridian/readiness/v1", *texts)).encode()


class PrepareForRole(Request[RoleReadiness]):
    """Report your log position, and await the role: the primary wants to hand it to *node*.

    *why* is what is wrong with the primary; empty when an operator ordered the change.
    """

    subject: ClassVar = Subject(
        "meridian.failover.{node}.prepare",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    epoch: Epoch
    why: str = ""


class AssumeRole(Request[Done]):
    """The lease names *node* from *epoch* on: read it at once, and answer when you act."""

    subject: ClassVar = Subject(
        "meridian.failover.{node}.promote",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    epoch: Epoch


class RoleSwitched(Message):
    """*primary* is primary of *epoch*; nobody acted for *seconds*."""

    primary: NodeId
    previous: NodeId
    epoch: Epoch
    seconds: float


class SwitchOver(Request[RoleSwitched]):
    """Hand the role of *node*, primary of *epoch*, to *to*, or to the other master.

    Changes wait meanwhile and none is refused. Where it cannot be done, *node* stays primary and
    the answer says why.
    """

    subject: ClassVar = Subject(
        "meridian.failover.{node}.switchover",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    epoch: Epoch
    to: NodeId | None = None
    author: str


class MasterStatus(Message):
    """The knowledge of one master about its own role, and about the log's servers."""

    node: NodeId
    role: MasterRole
    epoch: Epoch
    holder: NodeId | None
    could_take_over: bool
    reasons: tuple[str, ...] = ()
    leaders: dict[str, str] = {}
    log_servers: dict[NodeId, LogServerState] = {}
    redirection: RedirectionStatus = RedirectionStatus()


class ReadMasterStatus(Request[MasterStatus]):
    """Ask the failover monitor of *node* for its status."""

    subject: ClassVar = Subject(
        "meridian.failover.{node}.status",
        speakers=frozenset({"gateway", "failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId


class PromiseTerms(Message):
    """The request number *number* of *holder*'s process *instance*, primary of *epoch*.

    It asks another master not to act as primary for a while. *ttl* and *margin* are those of the
    holder's lease, in seconds.
    """

    holder: NodeId
    instance: str
    number: int
    epoch: Epoch
    ttl: float
    margin: float


class PromiseVote(Message):
    """*node*'s answer to a request for a promise on *terms*.

    Without a *refusal* it promises not to act as primary before `ttl + margin` of the holder's
    lease have gone by since it voted. *largest* is the largest epoch that it has seen. *signature*
    is the master's own, over `promise_bytes`: the cluster's key does not prove which master spoke.
    """

    node: NodeId
    terms: PromiseTerms
    largest: Epoch
    refusal: str = ""
    signature: str = ""

    def promise_bytes(self) -> bytes:
        """Build the text that the master signs: all that the primary relies on."""
        terms = self.terms
        request = (terms.holder, terms.instance, terms.number, terms.epoch, terms.ttl, terms.margin)
        parts = ("meridian/promise/v1", self.node, *request, self.largest, self.refusal)
        return "\n".join(str(part) for part in parts).encode()


class RequestPromise(Request[PromiseVote]):
    """Promise the holder of the lease, on *terms*, not to act as primary for a while.

    The holder cannot renew, because the lease's bucket gives no answer.
    """

    subject: ClassVar = Subject(
        "meridian.failover.{node}.promise",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    terms: PromiseTerms


class PrimaryChanged(Event):
    """*node* is primary from *epoch* on; *previous* was, and *cause* says why it is no more."""

    subject: ClassVar = Subject(
        "meridian.event.failover.primary_changed",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    previous: NodeId | None
    epoch: Epoch
    cause: str


class PrimarySteppedDown(Event):
    """*node* was primary of *epoch* and is no more, for *cause*.

    It publishes this as soon as it can. When a primary died or is cut off, its successor's
    `PrimaryChanged` comes first, or alone.
    """

    subject: ClassVar = Subject(
        "meridian.event.failover.stepped_down",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    epoch: Epoch
    cause: str


class PrimaryHealthChanged(Event):
    """*node*, primary of *epoch*, is sick for *reasons*; without any it is well again.

    It says so before its role moves, and while it keeps the role because nobody could do better.
    """

    subject: ClassVar = Subject(
        "meridian.event.failover.primary_health_changed",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    epoch: Epoch
    reasons: tuple[str, ...] = ()


class RedirectionChanged(Event):
    """The redirection of the site's address to *node*, by *method*, went from *before* to *state*.

    A redirection that is `failing` has a *code* and a *cause*; it is tried again until it is done
    or *node* is no longer primary.
    """

    subject: ClassVar = Subject(
        "meridian.event.failover.redirection_changed",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    epoch: Epoch
    method: str
    before: RedirectionState
    state: RedirectionState
    code: str = ""
    cause: str = ""
