"""Keeps in `relay.json` what must outlive a restart: closed sessions, draining, the largest epoch.

**The file is whole or it is the old one**: written beside it, synchronised, renamed.
"""

import json
import os
from pathlib import Path
from typing import Any, Final, cast

from services.relay.core.admission import Remembered
from shared.domain.errors import BadSettings
from shared.domain.ids import Epoch, SessionId, UnixMillis

RELAY_FILE: Final = "relay.json"


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
            fields = cast("dict[str, Any]", json.loads(self._path.read_bytes()))
            return Remembered(
                closed={
                    SessionId(str(session)): UnixMillis(int(until))
                    for session, until in fields["closed"].items()
                },
                draining=bool(fields["draining"]),
                epoch=Epoch(int(fields["epoch"])),
            )
        except FileNotFoundError:
            return Remembered()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
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
        beside = self._path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(fields, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        _synchronise(self._path.parent)


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
