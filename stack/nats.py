"""The three NATS servers: their configuration, and how one is started.

JetStream syncs every write, because an acknowledged change must survive a power cut. The site's
account holds everything; the read-only user has an account of its own, into which no more comes
than it takes to consume the stream `EVENTS`; the system account is for the failover monitor, which
places the leaders. A server of its own account cannot be bound by permissions, so the witness is
trusted like a master.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from shared.crypto.nodekeys import write_secret
from shared.messaging.jetstream import acknowledgement_subject, api_subject
from stack.layout import Layout, NodeLayout
from stack.links import NOWHERE
from stack.ports import HOST
from stack.processes import Program

SERVICE_USER: Final = "service"
EVENTS_USER: Final = "events"
SYSTEM_USER: Final = "system"
CLUSTER_USER: Final = "cluster"
USERS: Final = (SERVICE_USER, EVENTS_USER, SYSTEM_USER, CLUSTER_USER)
EVENTS_INBOX: Final = "_INBOX.events"
MAX_STORE_BYTES: Final = 2 << 30
MAX_MEMORY_BYTES: Final = 64 << 20

SITE: Final = "SITE"
EVENTS: Final = "EVENTS"
READERS: Final = "READERS"
NEXT_EVENT: Final = api_subject("CONSUMER", "MSG", "NEXT", EVENTS, ">")
READ_EVENTS: Final = (
    api_subject("STREAM", "INFO", EVENTS),
    api_subject("CONSUMER", "CREATE", EVENTS),
    api_subject("CONSUMER", "CREATE", EVENTS, ">"),
    api_subject("CONSUMER", "DURABLE", "CREATE", EVENTS, ">"),
    api_subject("CONSUMER", "INFO", EVENTS, ">"),
    NEXT_EVENT,
    acknowledgement_subject(EVENTS),
)
"""What a reader asks of JetStream; all of it concerns the stream `EVENTS`."""

MANY_ANSWERS: Final = frozenset({NEXT_EVENT})
LIVE_EVENTS: Final = "meridian.event.>"


def accounts(passwords: Mapping[str, str]) -> dict[str, Any]:
    """The accounts of a site's servers, with each user's password.

    A reply subject is a sender's choice, and JetStream's answers go wherever it points within the
    account. The reader therefore has an account of its own: an answer to it comes out there and
    nowhere else. It speaks as if the stream were its own: the mappings turn its questions to the
    imports, because the server keeps JetStream's API subjects for an account's own JetStream.
    """
    login = {user: {"user": user, "password": passwords[user]} for user in USERS}
    reader = {
        **login[EVENTS_USER],
        "permissions": {
            "publish": {"allow": [_imported(subject) for subject in READ_EVENTS]},
            "subscribe": {"allow": [LIVE_EVENTS, f"{EVENTS_INBOX}.>"]},
        },
    }
    return {
        SITE: {
            "jetstream": "enabled",
            "users": [login[SERVICE_USER]],
            "exports": [
                *(_export(subject) for subject in READ_EVENTS),
                {"stream": LIVE_EVENTS, "accounts": [READERS]},
            ],
        },
        READERS: {
            "users": [reader],
            "mappings": {each: _imported(each) for each in READ_EVENTS},
            "imports": [
                *(
                    {"service": {"account": SITE, "subject": each}, "to": _imported(each)}
                    for each in READ_EVENTS
                ),
                {"stream": {"account": SITE, "subject": LIVE_EVENTS}},
            ],
        },
        "SYS": {"users": [login[SYSTEM_USER]]},
    }


def _export(subject: str) -> dict[str, Any]:
    many = {"response": "stream"} if subject in MANY_ANSWERS else {}
    return {"service": subject, **many, "accounts": [READERS]}


def _imported(subject: str) -> str:
    """The name in the readers' account of a *subject* of the site's."""
    return f"{SITE}.{subject}"


def secret_name(user: str) -> str:
    """Name the file of a NATS user's password."""
    return f"nats-{user}"


def reader_environment(layout: Layout) -> dict[str, str]:
    """Build the variables of `meridian events`: what a tool outside needs to read events."""
    servers = [f"nats://{HOST}:{node.nats.client}" for node in layout.servers if node.nats]
    return {
        "MERIDIAN_EVENTS_SERVERS": ",".join(servers),
        "MERIDIAN_EVENTS_PASSWORD_FILE": str(layout.secret(secret_name(EVENTS_USER))),
    }


def make_secrets(layout: Layout) -> None:
    """Draw a password for each user."""
    for user in USERS:
        write_secret(layout.secret(secret_name(user)), secrets.token_urlsafe(24).encode())


def configuration(layout: Layout, node: NodeLayout) -> dict[str, Any]:
    """Build a server's configuration; JSON is a form that the server reads."""
    assert node.nats is not None, "only masters and the witness run a server"
    password = {user: layout.secret(secret_name(user)).read_text() for user in USERS}
    route = f"nats://{CLUSTER_USER}:{password[CLUSTER_USER]}@{HOST}"
    others = [other for other in layout.servers if other != node]
    # Over links a server is found by its routes alone; what servers tell each other leads nowhere.
    linked = {"no_advertise": True, "advertise": f"{HOST}:{NOWHERE}"} if layout.links else {}
    found: dict[str, Any] = {
        "server_name": node.name,
        "listen": f"{HOST}:{node.nats.client}",
        "http": f"{HOST}:{node.nats.monitor}",
        "feature_flags": {"js_ack_fc_v2": False},
        "jetstream": {
            "store_dir": str(_store(layout, node)),
            "sync_interval": "always",
            "max_file_store": MAX_STORE_BYTES,
            "max_memory_store": MAX_MEMORY_BYTES,
        },
        "cluster": {
            "name": layout.name,
            "listen": f"{HOST}:{node.nats.cluster}",
            "authorization": {"user": CLUSTER_USER, "password": password[CLUSTER_USER]},
            "routes": [f"{route}:{layout.nats_port(node, other, 'cluster')}" for other in others],
            **linked,
        },
        "accounts": accounts(password),
        "system_account": "SYS",
    }
    if _alone(layout, node).exists():
        del found["cluster"]
    return found


def program(layout: Layout, node: NodeLayout, server: Path) -> Program:
    """Write the configuration of *node*'s server and say how it is started."""
    folder = layout.nats_folder(node.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "server.conf"
    content = json.dumps(configuration(layout, node), indent=2).encode()
    if not file.exists() or file.read_bytes() != content:  # a full disk takes no new one
        write_secret(file, content)
    return Program(
        name=f"{node.name}.nats",
        arguments=(str(server), "--config", str(file)),
        environment={},
        log=layout.log(node.name, "nats"),
        folder=folder,
    )


def free_bytes(layout: Layout, node: NodeLayout) -> int:
    """Return the room on the disk of the server's store.

    Raises:
        OSError: it has no store, or the disk cannot be asked.
    """
    return shutil.disk_usage(_store(layout, node)).free


def wipe(layout: Layout, node: NodeLayout) -> None:
    """Forget what the server has stored; it joins empty and is given everything again."""
    shutil.rmtree(_store(layout, node), ignore_errors=True)


def start_alone(layout: Layout, node: NodeLayout) -> None:
    """Have the server start in no cluster from its next start on; what it stored is kept beside."""
    _alone(layout, node).touch()


def rejoin(layout: Layout, node: NodeLayout) -> None:
    """Have the server join the cluster at its next start, with an empty store."""
    _alone(layout, node).unlink(missing_ok=True)
    wipe(layout, node)


def _alone(layout: Layout, node: NodeLayout) -> Path:
    """The file that says that the server runs alone."""
    return layout.nats_folder(node.name) / "alone"


def store_folder(layout: Layout, node: str) -> Path:
    """Return where the server of a node that is in a cluster keeps its streams."""
    return layout.nats_folder(node) / "store"


def _store(layout: Layout, node: NodeLayout) -> Path:
    if _alone(layout, node).exists():
        return layout.nats_folder(node.name) / "store-alone"
    return store_folder(layout, node.name)
