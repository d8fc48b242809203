"""Stores the relay's state in `relay.json`, and reads this node's copy of the directory.

The state is what must survive a restart: closed sessions, draining, the largest epoch. **A write
is atomic**: the new file is written beside the old one, synchronised and renamed.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.relay.core.admission import RelayState
from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.decoding.jsontext import FILE
from shared.decoding.model import read_model
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument
from shared.domain.errors import BadSettings
from shared.domain.ids import Epoch, NodeId, SessionId, UnixMillis
from shared.domain.snapshot import SignedSnapshot

RELAY_FILE: Final = "relay.json"
SNAPSHOT_FILE: Final = "snapshot.json"


class RelayFile:
    """Stores the state that survives restarts."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / RELAY_FILE

    def load(self) -> RelayState:
        """Read the state of before the restart.

        Raises:
            BadSettings: the file is there and cannot be read; guessing would open closed sessions.
        """
        try:
            fields = decode_object(self._path.read_bytes(), RELAY_FILE, FILE)
            closed = fields.object("closed")
            return RelayState(
                closed={
                    SessionId(session): UnixMillis(closed.integer(session))
                    for session in closed.members
                },
                draining=fields.boolean("draining"),
                epoch=Epoch(fields.integer("epoch")),
            )
        except FileNotFoundError:
            return RelayState()
        except (OSError, Undecodable) as error:
            raise BadSettings(
                f"{self._path} cannot be read ({error}); mend it, or remove it to forget "
                "which sessions are closed on this node"
            ) from error

    def save(self, state: RelayState) -> None:
        """Replace the file.

        Raises:
            OSError: the disk did not take it; the old file stands.
        """
        fields = {
            "closed": state.closed,
            "draining": state.draining,
            "epoch": state.epoch,
        }
        write_secret(self._path, json.dumps(fields).encode())


@dataclass(frozen=True, slots=True)
class DirectoryCopy:
    """The site and its nodes, as this node has them."""

    site: SiteDocument | None
    nodes: dict[NodeId, NodeDocument]


class DirectoryFile:
    """Reads the follower's copy of the directory; replication writes and checks it."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / SNAPSHOT_FILE
        self._read: tuple[int, int] | None = None

    def read_if_changed(self) -> DirectoryCopy | None:
        """Read the copy if it is another file than at the last call; None when there is none.

        Raises:
            BadSettings: the file cannot be read; raised once for each version of it.
        """
        try:
            status = self._path.stat()
            if self._read == (status.st_mtime_ns, status.st_ino):
                return None
            self._read = (status.st_mtime_ns, status.st_ino)
            return _read_directory(SignedSnapshot.decode(self._path.read_bytes()).body)
        except FileNotFoundError:
            return None
        except (OSError, Undecodable) as error:
            raise BadSettings(f"{self._path} cannot be read: {error}") from error


def _read_directory(snapshot: bytes) -> DirectoryCopy:
    """Read the directory in *snapshot*; unknown fields of newer documents are ignored.

    Raises:
        Undecodable: it is none.
    """
    site, nodes = None, dict[NodeId, NodeDocument]()
    for document in decode_object(snapshot, "snapshot", FILE).objects("documents"):
        kind, body = document.text("kind"), document.value("body")
        if kind == Kind.SITE:
            site = read_model(SiteDocument, body)
        elif kind == Kind.NODE:
            nodes[NodeId(document.text("id"))] = read_model(NodeDocument, body)
    return DirectoryCopy(site, nodes)
