"""One PostgreSQL for each master: made by its own `initdb`, reached over TCP with a password.

It keeps its defaults where durability is concerned; only its size is made small. It listens on
TCP alone, because the path of a Unix socket has a length that a state folder may exceed.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from shared.crypto.nodekeys import write_secret
from stack.binaries import Postgres
from stack.layout import Layout, NodeLayout
from stack.ports import HOST
from stack.processes import Program

PROCESSES: Final = Path("/proc")
USER: Final = "meridian"
DATABASE: Final = "postgres"
PASSWORD: Final = "postgres"  # noqa: S105 (the name of a file)
OPTIONS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "64",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "5min",
}


def make_secrets(layout: Layout) -> None:
    """Draw the password of the databases' owner."""
    write_secret(layout.secret(PASSWORD), secrets.token_urlsafe(24).encode())


def url(layout: Layout, node: NodeLayout) -> str:
    """Return the URL of *node*'s database, password and all."""
    password = layout.secret(PASSWORD).read_text()
    return f"postgresql://{USER}:{password}@{HOST}:{node.postgres}/{DATABASE}"


def is_made(layout: Layout, node: NodeLayout) -> bool:
    """Say whether *node* has a database already."""
    return (_data(layout, node) / "PG_VERSION").exists()


def creation(layout: Layout, node: NodeLayout, postgres: Postgres) -> Program:
    """Make *node*'s folder, and say how its database is created in it."""
    folder = layout.postgres_folder(node.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / "password"
    write_secret(password, layout.secret(PASSWORD).read_bytes())
    if postgres.user is not None:
        for path in (folder, password):
            os.chown(path, *postgres.user)
    arguments = (
        *(str(postgres.program("initdb")), "--pgdata", str(_data(layout, node))),
        *("--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256"),
        *("--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"),
    )
    return _program(layout, node, postgres, arguments)


def program(layout: Layout, node: NodeLayout, postgres: Postgres) -> Program:
    """Say how *node*'s database server is started."""
    settings = {**OPTIONS, "port": str(node.postgres)}
    options = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    arguments = (str(postgres.program("postgres")), "-D", str(_data(layout, node)), *options)
    return _program(layout, node, postgres, arguments)


def remove_stale_pid_file(layout: Layout, node: NodeLayout) -> None:
    """Remove the pid file that *node*'s database left when it was killed.

    PostgreSQL refuses to start while any process has the pid in that file, and after a restart of
    the machine some other process may. The caller holds the site's folder. While any process works
    in the database's folder, a backend that outlived its server included, the file stays, and
    PostgreSQL decides.
    """
    data = _data(layout, node)
    if not _has_process(data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _has_process(folder: Path) -> bool:
    """Say whether a process works in *folder*; yes where the system does not tell."""
    processes = [each for each in PROCESSES.glob("*") if each.name.isdigit()]
    return not processes or any(_works_in(each, folder) for each in processes)


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").samefile(folder)
    except OSError:  # it ended, or it is another user's, as no database of ours is
        return False


def _data(layout: Layout, node: NodeLayout) -> Path:
    return layout.postgres_folder(node.name) / "data"


def _program(
    layout: Layout, node: NodeLayout, postgres: Postgres, arguments: tuple[str, ...]
) -> Program:
    return Program(
        name=f"{node.name}.postgres",
        arguments=arguments,
        environment={"LC_ALL": "C", "TZ": "UTC"},
        log=layout.log(node.name, "postgres"),
        folder=layout.postgres_folder(node.name),
        user=postgres.user,
    )
