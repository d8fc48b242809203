"""Keeps the relay's capacity and heartbeat interval equal to the directory's.

On a traffic node the directory is the copy that replication keeps on disk, read again when it has
changed; it is readable while every master is down. On a master the config service supplies it.
Before either was read, a traffic node has the default capacity of a node, and a master that of the
fallback.
"""

import logging

from services.relay.control.files import DirectoryCopy, DirectoryFile
from services.relay.core.admission import Admission, capacity_of
from shared.documents.node import NodeDocument
from shared.documents.site import Timing
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole


def default_capacity(*, is_master: bool) -> int:
    """Return the capacity of a relay that has read no document yet."""
    role = NodeRole.MASTER if is_master else NodeRole.TRAFFIC
    return capacity_of(NodeDocument(role=role), None)


class NodeConfiguration:
    """The settings that this node's document and the site's timing give to its relay."""

    def __init__(self, node: NodeId, admission: Admission, file: DirectoryFile) -> None:
        self.heartbeat_seconds = Timing().heartbeat_seconds
        self._node = node
        self._admission = admission
        self._file = file
        self._log = logging.getLogger("meridian.relay")

    def refresh(self) -> None:
        """Apply the copy on disk if it has changed; an unreadable one changes nothing."""
        try:
            copy = self._file.read_if_changed()
        except BadSettings as error:
            self._log.warning("%s", error.message)
            return
        if copy is not None:
            self.apply(copy)

    def apply(self, copy: DirectoryCopy) -> None:
        """Take capacity and heartbeat interval from the documents in *copy*."""
        document = copy.nodes.get(self._node)
        if document is not None:
            self._admission.capacity = capacity_of(document, copy.site)
        if copy.site is not None:
            self.heartbeat_seconds = copy.site.timing.heartbeat_seconds
