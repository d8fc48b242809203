"""Makes the secrets of a new site as files, which each machine gets before it starts.

Only the owner may enter the folder. The files in it are readable by all, because a container mounts
them one by one and reads them as a user that the machine does not know. A file that exists is never
written again: a second key or password would lock a running site out of itself.

A site's secrets are made in a draft folder and moved into the folder when all of them are there,
the pre-shared key last. Whoever is interrupted begins anew by the same command: as long as the
draft folder is there, nothing was given to a machine yet.
"""

import json
import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.crypto.nodekeys import NodeKey, write_secret
from shared.crypto.sealing import SECRET_FILE
from shared.domain.errors import AlreadyExists, BadSettings
from shared.domain.ids import NodeId, parse_node_id

NATS_USERS: Final = ("service", "events", "system", "cluster")
PSK: Final = "psk"
PUBLIC_KEYS: Final = "nodes.json"
NATS_INCLUDE: Final = "nats.conf"
PASSWORD_BYTES: Final = 24
READABLE: Final = 0o444
DRAFT: Final = "unfinished"
"""The folder in which a site's secrets are made; one that is there was left by an interruption."""


def make_node_key(folder: Path, name: str) -> str:
    """Make the key of node *name*, unless it exists; returns its public key in base64.

    Raises:
        BadSettings: *name* is no name for a node.
    """
    path = folder / f"{_node(name)}.key"
    _make_folder(folder)
    if not path.exists():
        NodeKey.generate().save(path)
    _open_to_containers(path)
    return NodeKey.load(path).public_b64


def make_site_secrets(
    folder: Path, masters: Mapping[str, str], nodes: Iterable[str], log_servers: Iterable[str]
) -> None:
    """Make everything that a new site keeps secret.

    *masters* holds each master's public key, or nothing for a key that is to be made here;
    *nodes* are the others whose keys are to be made here; *log_servers* are HOST:PORT at which
    the NATS servers find one another.

    Raises:
        AlreadyExists: the folder holds a site's secrets.
        BadSettings: a name or an address is none, or there is no master.
    """
    if (folder / PSK).exists():
        raise AlreadyExists(f"{folder} holds the secrets of a site already; nothing was done")
    if not masters:
        raise BadSettings("name the masters: --master alpha --master bravo")
    servers = [_server(each) for each in log_servers]
    pinned = {name: _node(name) for name in masters}
    draft = _begin_draft(folder)
    keys = {name: key or make_node_key(folder, name) for name, key in masters.items()}
    keys |= {name: make_node_key(folder, name) for name in nodes}
    cluster = join.found_cluster(draft)
    join.pin(draft, cluster, {pinned[name]: keys[name] for name in masters})
    (draft / PUBLIC_KEYS).write_text(json.dumps(keys, indent=2) + "\n")
    passwords = {user: secrets.token_urlsafe(PASSWORD_BYTES) for user in NATS_USERS}
    for user in ("service", "events", "system"):
        _write(draft, f"nats-{user}", passwords[user])
    _write(draft, NATS_INCLUDE, format_nats_include(passwords, servers))
    for name in ("postgres", "admin"):
        _write(draft, name, secrets.token_urlsafe(PASSWORD_BYTES))
    _write(draft, PSK, make_psk())
    _publish_draft(folder, draft)


def format_nats_include(passwords: Mapping[str, str], servers: Iterable[str]) -> str:
    """The variables that compose/nats.conf includes, in the language of that file."""
    lines = [f'{user.upper()}_PASSWORD: "{passwords[user]}"' for user in NATS_USERS]
    routes = (f'  "nats://cluster:{passwords["cluster"]}@{server}"' for server in servers)
    return "\n".join([*lines, "ROUTES: [", *routes, "]"])


def _node(text: str) -> NodeId:
    try:
        return parse_node_id(text)
    except ValueError as error:
        raise BadSettings(str(error)) from error


def _server(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise BadSettings(f"{text!r} is no HOST:PORT at which NATS servers find one another")
    return text


def _begin_draft(folder: Path) -> Path:
    """Make an empty draft folder in *folder*.

    Raises:
        BadSettings: *folder* holds a part of a site's secrets that no interruption left.
    """
    _make_folder(folder)
    draft = folder / DRAFT
    if not draft.exists() and (folder / SECRET_FILE).exists():
        raise BadSettings(
            f"{folder} belongs to a cluster already, but lacks {PSK}: bring it from another node"
        )
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    return draft


def _publish_draft(folder: Path, draft: Path) -> None:
    """Move the draft's files into *folder*, the pre-shared key last: with it that is whole."""
    for path in sorted(draft.iterdir(), key=lambda each: each.name == PSK):
        _open_to_containers(path)
        path.replace(folder / path.name)
    draft.rmdir()


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _write(folder: Path, name: str, text: str) -> None:
    write_secret(folder / name, f"{text}\n".encode())


def _open_to_containers(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) != READABLE:
        path.chmod(READABLE)
