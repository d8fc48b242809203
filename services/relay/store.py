"""Keeps in `relay.json` what must outlive a restart, and reads the directory's copy on this node.

What must outlive it: closed sessions, draining, the largest epoch. **The file is whole or it is
the old one**: written beside it, synchronised, renamed.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.relay.core.admission import Remembered
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
    """The relay's own few bits."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / RELAY_FILE

    def load(self) -> Remembered:
        """What the relay knew before it stopped.

        Raises:
            BadSettings: the file is there and cannot be read; guessing would open closed sessions.
        """
        try:
            fields = decode_object(self._path.read_bytes(), RELAY_FILE, FILE)
            closed = fields.object("closed")
            return Remembered(
                closed={
                    SessionId(session): UnixMillis(closed.integer(session))
                    for session in closed.members
                },
                draining=fields.boolean("draining"),
                epoch=Epoch(fields.integer("epoch")),
            )
        except FileNotFoundError:
            return Remembered()
        except (OSError, Undecodable) as error:
            raise BadSettings(
                f"{self._path} cannot be read ({error}); mend it, or remove it to forget "
                "which sessions are closed on this node"
            ) from error

    def save(self, remembered: Remembered) -> None:
        """Replace the file.

        Raises:
            OSError: the disk did not take it; the old file stands.
        """
        fields = {
            "closed": remembered.closed,
            "draining": remembered.draining,
            "epoch": remembered.epoch,
        }
        write_secret(self._path, json.dumps(fields).encode())


@dataclass(frozen=True, slots=True)
class Copy:
    """The directory as this node has it: the site and its nodes."""

    site: SiteDocument | None
    nodes: dict[NodeId, NodeDocument]


class DirectoryFile:
    """The follower's copy of the directory on this node; replication writes and checks it."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / SNAPSHOT_FILE
        self._read: tuple[int, int] | None = None

    def read_if_changed(self) -> Copy | None:
        """The copy when it is another file than at the last reading; None when it is not there.

        Raises:
            BadSettings: the file cannot be read; said once for each version of it.
        """
        try:
            status = self._path.stat()
            if self._read == (status.st_mtime_ns, status.st_ino):
                return None
            self._read = (status.st_mtime_ns, status.st_ino)
            return _copy(SignedSnapshot.decode(self._path.read_bytes()).body)
        except FileNotFoundError:
            return None
        except (OSError, Undecodable) as error:
            raise BadSettings(f"{self._path} cannot be read: {error}") from error


def _copy(snapshot: bytes) -> Copy:
    """The directory in *snapshot*; a document of a newer version is read as far as it is known.

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
    return Copy(site, nodes)
