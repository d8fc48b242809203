"""The profile of a site on a person's machine: where it is, whom to trust, who is signed in.

It lies in `$MERIDIAN_HOME`, or in the user's own configuration folder, readable by its owner only.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.domain.errors import BadSettings


def profile_folder() -> Path:
    """The folder of the profile, and of other files that are kept beside it."""
    folder = os.environ.get("MERIDIAN_HOME")
    if folder:
        return Path(folder)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "meridian"


@dataclass
class Profile:
    """One site: its gateways, its certificate authority (a file or a word), and a token."""

    gateways: list[str] = field(default_factory=list[str])
    ca_file: str = ""
    token: str = ""
    user: str = ""

    @staticmethod
    def load(site: str | None = None, ca_file: Path | None = None) -> "Profile":
        """The profile, with what the command line or the environment says on top.

        Raises:
            BadSettings: the file is damaged.
        """
        path = profile_folder() / "profile.json"
        profile = Profile()
        try:
            profile = _profile(decode_object(path.read_bytes(), "profile"))
        except FileNotFoundError:
            pass
        except (OSError, Undecodable) as error:
            raise BadSettings(f"{path} is damaged; remove it and sign in again: {error}") from error
        urls = site or os.environ.get("MERIDIAN_SITE", "")
        if urls:
            profile.gateways = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        authority = str(ca_file or os.environ.get("MERIDIAN_CA_FILE", ""))
        profile.ca_file = authority or profile.ca_file
        return profile

    def save(self) -> None:
        """Write the profile for later commands."""
        folder = profile_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(folder / "profile.json", json.dumps(asdict(self), indent=2).encode() + b"\n")

    def require_site(self) -> list[str]:
        """The site's gateways.

        Raises:
            BadSettings: none is known.
        """
        if not self.gateways:
            raise BadSettings(
                "which site? give --site https://support.example.com, or sign in with "
                "`meridian login`"
            )
        return self.gateways


def _profile(fields: Fields) -> Profile:
    return Profile(
        gateways=[str(url) for url in fields.items("gateways")],
        ca_file=fields.text("ca_file"),
        token=fields.text("token"),
        user=fields.text("user"),
    )
