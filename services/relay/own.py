"""Keeps the relay's capacity and heartbeat interval true to the directory.

On a traffic node it is the copy that replication keeps on disk, read again when it has changed: it
is there with every master gone. On a master config is asked. Before either was read, a traffic node
takes what a node takes by default and a master what the fallback takes by default.
"""

import logging

from services.relay.core.admission import Admission, capacity_of
from services.relay.store import Copy, DirectoryFile
from shared.documents.node import NodeDocument
from shared.documents.site import Timing
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole


def default_capacity(*, is_master: bool) -> int:
    """How many sessions a relay carries that has read no document yet."""
    role = NodeRole.MASTER if is_master else NodeRole.TRAFFIC
    return capacity_of(NodeDocument(role=role), None)


class OwnPart:
    """This node's document and the site's timing, as far as they concern its relay."""

    def __init__(self, node: NodeId, admission: Admission, file: DirectoryFile) -> None:
        self.heartbeat_seconds = Timing().heartbeat_seconds
        self._node = node
        self._admission = admission
        self._file = file
        self._log = logging.getLogger("meridian.relay")

    def refresh(self) -> None:
        """Take what the copy on disk says, if it has changed; an unreadable one changes nothing."""
        try:
            copy = self._file.read_if_changed()
        except BadSettings as error:
            self._log.warning("%s", error.message)
            return
        if copy is not None:
            self.take(copy)

    def take(self, copy: Copy) -> None:
        """Follow the documents in *copy*."""
        document = copy.nodes.get(self._node)
        if document is not None:
            self._admission.capacity = capacity_of(document, copy.site)
        if copy.site is not None:
            self.heartbeat_seconds = copy.site.timing.heartbeat_seconds
