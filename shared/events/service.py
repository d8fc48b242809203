"""The reports of services on how their own runs ended."""

from typing import ClassVar

from shared.domain.ids import NodeId
from shared.events.message import Event
from shared.events.subject import Subject


class ServiceEndedUncleanly(Event):
    """The run of *service* on *node* before this one did not end cleanly.

    The service itself reports it when it starts and finds the mark of that run: which process of
    which boot it was, of what *version*, and since when it had run. *restarts* counts such ends
    since the last clean one.
    """

    subject: ClassVar = Subject(
        "meridian.event.service.ended_uncleanly",
        speakers=frozenset(
            {
                *("config", "replication", "failover_monitor", "node_selector"),
                *("relay", "gateway", "webhooks"),
            }
        ),
        stored=True,
    )

    node: NodeId
    service: str
    pid: int
    boot_id: str
    version: str
    started_unix_ms: int
    restarts: int
    crash_loop: bool = False
