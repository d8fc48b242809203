"""Keeps the credentials of a session on the machine where it was opened, for `meridian connect`."""

from clients.site.profile import profile_folder
from shared.api.sessions import SessionCredentials
from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId


def save_credentials(credentials: SessionCredentials) -> None:
    """Save the credentials of a session, readable by their owner only."""
    folder = profile_folder() / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(folder / f"{credentials.session}.json", credentials.model_dump_json().encode())


def load_credentials(session: SessionId) -> SessionCredentials:
    """The credentials of a session that was opened on this machine.

    Raises:
        BadSettings: it was not opened here.
    """
    path = profile_folder() / "sessions" / f"{session}.json"
    try:
        return decode_model(SessionCredentials, path.read_bytes())
    except (OSError, Undecodable) as error:
        raise BadSettings(
            f"session {session} was not opened on this machine: run `meridian session open` here"
        ) from error
