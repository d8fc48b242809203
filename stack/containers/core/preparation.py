"""Decides whether a site in containers may start with the secrets and settings that are there.

The volumes hold what only the secrets open: new secrets beside old volumes make a site that never
becomes healthy. So what is lost is named before anything starts, and nothing is made in its place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

WHOLE: Final = "psk"
"""The file that is made last: a folder without it was never finished."""

SECRETS: Final = (
    *(WHOLE, "admin", "postgres", "nats-service", "nats-system", "nats.conf", "site.secret"),
    *("ca.pem", "ca.key", "trust.json", "nodes.json"),
    *("alpha.key", "bravo.key", "witness.key", "berlin.key", "denver.key", "tokyo.key"),
)
"""The files that docker-compose.yml mounts."""


class Remedy(Enum):
    """What is done before a start."""

    NOTHING = auto()
    MAKE_SECRETS = auto()


@dataclass(frozen=True)
class Belongings:
    """What a site has on this machine: its settings, the files of its secrets, its volumes."""

    project: str
    has_settings: bool
    folder: str
    files: Collection[str]
    volumes: Collection[str]
    extra_keys: Collection[str] = ()
    """The key files of extra traffic nodes that are to run."""


def refusal(found: Belongings) -> str | None:
    """Say why nothing may be started, and what to do; None when it may."""
    lost = [name for name in (*SECRETS, *found.extra_keys) if name not in found.files]
    if found.volumes:
        return _refuse_beside_volumes(found, lost)
    if WHOLE in found.files and lost:
        return (
            f"{found.folder} lacks {', '.join(lost)}: bring them back; or, as the site has no data "
            f"yet, remove the folder, and `make up` makes new secrets"
        )
    return None


def remedy(found: Belongings) -> Remedy:
    """Decide what to do for *found*, which was not refused."""
    return Remedy.NOTHING if WHOLE in found.files else Remedy.MAKE_SECRETS


def leftovers(found: Belongings) -> tuple[str, ...]:
    """The files of an interrupted `make secrets`: a folder that never was whole is begun anew."""
    is_unfinished = remedy(found) is Remedy.MAKE_SECRETS
    return tuple(name for name in found.files if name in SECRETS) if is_unfinished else ()


def _refuse_beside_volumes(found: Belongings, lost: list[str]) -> str | None:
    others = " and others" if len(found.volumes) > 1 else ""
    volumes = f"the site's data is there (volume {min(found.volumes)}{others})"
    give_up = "To give that site and its data up: make down VOLUMES=delete"
    if not found.has_settings:
        return (
            f".env is missing, but {volumes}: bring .env back. If it held nothing but the "
            "defaults: cp .env.example .env && echo SITE_SECRETS=./secrets >>.env\n" + give_up
        )
    if lost == [*SECRETS, *found.extra_keys]:
        return (
            f"the secrets in {found.folder} are missing, but {volumes}, which new secrets cannot "
            f"open: bring that folder back, or say in .env where it is (SITE_SECRETS)\n{give_up}"
        )
    if lost:
        return (
            f"{found.folder} lacks {', '.join(lost)}, but {volumes}, which new secrets cannot "
            f"open: bring the files back\n{give_up}"
        )
    return None
