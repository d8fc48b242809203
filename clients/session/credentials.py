"""Keeps the credentials of a session on the machine where it was opened, for `meridian connect`."""

import json
from typing import Any

from clients.site.profile import profile_folder
from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_mapping
from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId


def save_credentials(credentials: dict[str, Any]) -> None:
    """Save a session's endpoint token, readable by its owner only."""
    folder = profile_folder() / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(folder / f"{credentials['session']}.json", json.dumps(credentials).encode())


def load_credentials(session: SessionId) -> dict[str, Any]:
    """The endpoint token of a session that was opened on this machine.

    Raises:
        BadSettings: it was not opened here.
    """
    path = profile_folder() / "sessions" / f"{session}.json"
    try:
        return decode_mapping(path.read_bytes(), "session credentials")
    except (OSError, Undecodable) as error:
        raise BadSettings(
            f"session {session} was not opened on this machine: run `meridian session open` here"
        ) from error
