"""The question by which the offset of a clock is measured."""

from typing import ClassVar

from shared.domain.ids import NodeId
from shared.events.message import Done, Request
from shared.events.subject import MASTERS_SERVICES, Subject


class ReadClock(Request[Done]):
    """Ask *service* of *node* for its time, which is the stamp of its answer.

    It is answered whatever the age of the question: it is asked where clocks differ. Who asks again
    with somebody else's question learns the time, at an inbox where nobody waits, and changes
    nothing: the question carries nothing but the name of the one asked. Each process answers some
    questions a second, and is silent beyond.
    """

    subject: ClassVar = Subject(
        "meridian.node.{node}.{service}.clock",
        speakers=MASTERS_SERVICES,
        answered_by=MASTERS_SERVICES,
        any_age=True,
    )

    node: NodeId
    service: str
