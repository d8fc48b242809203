"""What masters say to each other while the lease cannot be written.

The primary asks every other master not to act for a while, and says by when it will have stopped.
A promise is bound to the very request that it answers: to its number, its epoch, and the process
that asks. So an old one, or one that comes twice, is worth nothing.
"""

from dataclasses import dataclass

from shared.domain.ids import Epoch, NodeId


@dataclass(frozen=True, slots=True)
class PromiseAsked:
    """*holder*'s process *instance*, primary of *epoch*, asks for the *number*-th time.

    *ttl* and *margin* are those of its lease.
    """

    number: int
    epoch: Epoch
    holder: NodeId
    instance: str
    ttl: float
    margin: float


@dataclass(frozen=True, slots=True)
class Promise:
    """*node*'s answer to *asked*: not to act for a while, or why not; *largest* epoch it saw."""

    asked: PromiseAsked
    node: NodeId
    largest: Epoch
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of asking: who had to be asked, and what they said.

    *masters* are all others that could take the lease, as the own database of *epoch* and the
    pinned keys name them; None when that could not be found out. Each promise is signed by its
    master's own key; what was not is left out.
    """

    number: int
    masters: frozenset[NodeId] | None = None
    epoch: Epoch = Epoch(0)
    promises: tuple[Promise, ...] = ()
