"""Prepares a site in containers on this machine: its `.env`, its secrets, the address of its ports.

What is lost beside volumes is refused before anything is made or started (`core/preparation.py`).
"""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.domain.errors import BadSettings
from stack.containers.core.extras import ExtraKind
from stack.containers.core.preparation import (
    Belongings,
    Remedy,
    leftovers,
    refusal,
    remedy,
)
from stack.containers.core.variables import (
    literal_address,
    publish_address,
    read_settings_file,
)
from stack.containers.settings import Settings
from stack.containers.site import SETTINGS_FILE, ContainerSite
from stack.failure import StartFailed

EXAMPLE: Final = ".env.example"
DEFAULT_SECRETS: Final = "./secrets"
MASTERS: Final = ("alpha", "bravo")
OTHERS: Final = ("witness", "berlin", "denver", "tokyo")
ADDRESS_NOTE: Final = (
    "\n# Made by `make up`: SITE_HOST is a name, or no address of this machine, so that ports are\n"
    "# published on every address. Write one here to choose; without the line `make up` decides.\n"
)
SECRETS_NOTE: Final = "\n# Made by `make secrets`.\n"


def find_site(root: Path, environment: Mapping[str, str]) -> ContainerSite:
    """The site whose files lie in *root*, with the variables of the shell over those of `.env`."""
    variables = {**_settings_of(root), **environment}
    settings = Settings(root, variables)
    shared = dict[str, str]()
    if not variables.get("SITE_SECRETS"):
        shared["SITE_SECRETS"] = DEFAULT_SECRETS
    address = publish_address(settings.host, is_own=_is_own_address(settings.host))
    if "SITE_ADDRESS" not in variables and address != settings.host:
        shared["SITE_ADDRESS"] = address
    return ContainerSite(settings, shared)


def prepare(site: ContainerSite) -> None:
    """Make what a start needs and git must not hold: `.env` and the folder of secrets.

    Raises:
        BadSettings: something is lost, and the site has data that needs it; nothing was made.
        StartFailed: the secrets cannot be made.
    """
    found = _belongings(site)
    if why := refusal(found):
        raise BadSettings(why)
    _complete_settings(site)
    if remedy(found) is Remedy.MAKE_SECRETS:
        for name in leftovers(found):
            (site.settings.secrets / name).unlink(missing_ok=True)
        _make_secrets(site)


def meridian(*arguments: str) -> tuple[str, ...]:
    """The command line of the program that people run."""
    return (sys.executable, "-m", "clients.cli", *arguments)


def _belongings(site: ContainerSite) -> Belongings:
    settings, folder = site.settings, site.settings.secrets
    try:
        files = {each.name for each in folder.iterdir()}
    except FileNotFoundError:
        files = set[str]()
    except OSError as error:
        raise BadSettings(
            f"the folder of secrets cannot be read ({error.strerror}: {folder}): make it yours, or "
            "run as its owner"
        ) from error
    extras = site.extras(site.containers())
    keys = {f"{each.node}.key" for each in extras if each.kind is ExtraKind.TRAFFIC_NODE}
    return Belongings(
        project=settings.project,
        has_settings=(site.root / SETTINGS_FILE).exists() or "SITE_SECRETS" in settings.variables,
        folder=str(folder),
        files=files,
        volumes=site.volumes(),
        extra_keys=sorted(keys),
    )


def _complete_settings(site: ContainerSite) -> None:
    """Write `.env`, unless the shell says where the secrets are; add what `make up` decides."""
    file = site.root / SETTINGS_FILE
    if file.exists():
        text = file.read_text()
    elif "SITE_SECRETS" in site.settings.variables:
        return
    else:
        text = (site.root / EXAMPLE).read_text()
    known = read_settings_file(text)
    whole = text if text.endswith("\n") else f"{text}\n"
    if "SITE_SECRETS" not in known:
        whole += f"{SECRETS_NOTE}SITE_SECRETS={DEFAULT_SECRETS}\n"
    if "SITE_ADDRESS" in site.shared:
        whole += f"{ADDRESS_NOTE}SITE_ADDRESS={site.shared['SITE_ADDRESS']}\n"
    if whole.strip() != text.strip() or not file.exists():
        draft = file.with_name(f"{SETTINGS_FILE}.new")
        draft.write_text(whole)
        draft.replace(file)


def _make_secrets(site: ContainerSite) -> None:
    masters = (word for name in MASTERS for word in ("--master", name))
    others = (word for name in OTHERS for word in ("--node", name))
    servers = (*MASTERS, OTHERS[0])
    log_servers = (word for name in servers for word in ("--log-server", f"{name}-nats:6222"))
    folder = ("--folder", str(site.settings.secrets))
    command = meridian("secrets", "new", *folder, *masters, *others, *log_servers)
    if subprocess.run(command, check=False, cwd=site.root).returncode:
        raise StartFailed("the secrets cannot be made")


def _settings_of(root: Path) -> dict[str, str]:
    try:
        return read_settings_file((root / SETTINGS_FILE).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{root / SETTINGS_FILE} cannot be read: {error}") from error


def _is_own_address(host: str) -> bool:
    """Say whether *host* is an IP address at which a program of this machine may listen."""
    address = literal_address(host)
    if address is None:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                return False
            raise
    return True


def environment() -> Mapping[str, str]:
    """The variables of the shell."""
    return os.environ
