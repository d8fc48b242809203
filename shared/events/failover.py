"""Who is primary: the grant within a master, orders between masters, and what came of it."""

from typing import ClassVar

from shared.domain.ids import Epoch, NodeId, Revision
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.message import Done, Event, Message, Request
from shared.events.subject import Subject


class MasterGranted(Event):
    """The processes of this master may act as primary of *epoch* until *valid_until*.

    *valid_until* is an absolute CLOCK_BOOTTIME reading, in seconds, of the kernel *boot_id*:
    never counted from arrival, void on any other machine. Sent at each renewal of the lease.
    While it is *paused* they do not act and keep what waits for them: the role may be handed over,
    or go on. *planned* says that the epoch began by a switchover.
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
    """Where a master stands, what bars it, and the record that it awaits in the lease from now on.

    *instance* and *n* name that record: whoever is primary may write it for this master.
    *signature* is the master's own, over `readiness_bytes`: the cluster's key proves no mastery.
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
        """What the master signs: all that the primary relies on."""
        parts = (self.node, self.epoch, self.instance, self.n, self.revision, self.hash)
        said = (*(str(part) for part in parts), *self.reasons)
        return "\n".join(("meridian/readiness/v1", *said)).encode()


class PrepareForRole(Request[RoleReadiness]):
    """Say where you stand, and await the role: the primary wants to hand it to *node*."""

    subject: ClassVar = Subject(
        "meridian.failover.{node}.prepare",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    epoch: Epoch


class AssumeRole(Request[Done]):
    """The lease names *node* from *epoch* on: look at once, and answer when you act."""

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
    """One master's view of its own part."""

    node: NodeId
    role: MasterRole
    epoch: Epoch
    holder: NodeId | None
    could_take_over: bool
    reasons: tuple[str, ...] = ()
    leaders: dict[str, str] = {}
    redirection: RedirectionStatus = RedirectionStatus()


class ReadMasterStatus(Request[MasterStatus]):
    """What the failover monitor of *node* sees and would do."""

    subject: ClassVar = Subject(
        "meridian.failover.{node}.status",
        speakers=frozenset({"gateway", "failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId


class PromiseDecided(Message):
    """*node*'s answer to request *number* of *holder*'s process *instance*, primary of *epoch*.

    Without a *refusal* it promises not to act as primary before `ttl + margin` of the asker's
    lease have gone by since it answered. *largest* is the largest epoch that it saw.
    *signature* is the master's own, over `promise_bytes`: the cluster's key proves no mastery.
    """

    node: NodeId
    holder: NodeId
    instance: str
    number: int
    epoch: Epoch
    ttl: float
    margin: float
    largest: Epoch
    refusal: str = ""
    signature: str = ""

    def promise_bytes(self) -> bytes:
        """What the master signs: all that the primary relies on."""
        asked = (self.holder, self.instance, self.number, self.epoch, self.ttl, self.margin)
        said = ("meridian/promise/v1", self.node, *asked, self.largest, self.refusal)
        return "\n".join(str(part) for part in said).encode()


class AskPromise(Request[PromiseDecided]):
    """Promise not to act as primary for a while: *holder*, primary of *epoch*, cannot renew.

    The lease's bucket gives no answer. *number* counts what the process *instance* asked; *ttl*
    and *margin* are those of its lease, in seconds.
    """

    subject: ClassVar = Subject(
        "meridian.failover.{node}.promise",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"failover_monitor"}),
    )

    node: NodeId
    holder: NodeId
    instance: str
    number: int
    epoch: Epoch
    ttl: float
    margin: float


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

    It says so as soon as it can: a primary that died or is cut off is told by its successor's
    `PrimaryChanged` first, or alone.
    """

    subject: ClassVar = Subject(
        "meridian.event.failover.stepped_down",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    epoch: Epoch
    cause: str


class RedirectionChanged(Event):
    """Leading the site's address to *node*, by *method*, went from *before* to *state*.

    One that is `failing` says why with *code* and *cause*, and is tried again until it is done or
    *node* is primary no more.
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
