"""Makes a new site: its folders, keys and secrets, and the documents that it begins with.

Every node makes its own key in its own folder; the first master founds the cluster and hands the
site secret and the certificate authority to the second; the masters' keys are pinned everywhere.
What has to be written to the log and the databases is a verb of the config service.
"""

import asyncio
import json
import os
import secrets
import shutil
from typing import Any, Final

from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.crypto.nodekeys import write_secret
from shared.documents.node import Address, Location, NodeDocument
from shared.documents.site import SiteDocument
from shared.domain.node import NodeRole
from stack import nats, postgres
from stack.failure import StartFailed, last_words
from stack.layout import Layout, NodeLayout
from stack.paths import DOCUMENTS
from stack.ports import HOST
from stack.process_group import ProcessGroup
from stack.processes import Program

MASTERS_ONLY: Final = ("site.secret", "ca.key")
EVERYBODY: Final = "ca.pem"
VERB_SECONDS: Final = 60.0


def make_folders(layout: Layout) -> None:
    """Make the folders that everything else lies in; PostgreSQL's own user must pass through."""
    for folder in (layout.state, layout.state / "postgres"):
        folder.mkdir(exist_ok=True, parents=True)
        if os.geteuid() == 0:
            folder.chmod(folder.stat().st_mode | 0o711)
    for folder in (layout.logs, layout.secret("psk").parent, layout.state / "nats"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    for node in layout.nodes:
        layout.node_folder(node.name).mkdir(mode=0o700, parents=True, exist_ok=True)


def make_secrets(layout: Layout) -> None:
    """Draw the pre-shared key and every password of the site."""
    for name, secret in (("psk", make_psk()), ("admin", secrets.token_urlsafe(15))):
        write_secret(layout.secret(name), f"{secret}\n".encode())
    nats.make_secrets(layout)
    postgres.make_secrets(layout)


def make_keys(layout: Layout) -> None:
    """Give every node its key and what it must know of the masters; write the first documents."""
    first, *other_masters = layout.masters
    keyed = [node for node in layout.nodes if node.place.role is not NodeRole.WITNESS]
    keys = {str(node.name): join.prepare_node(layout.node_folder(node.name)) for node in keyed}
    home = layout.node_folder(first.name)
    cluster = join.found_cluster(home)
    masters = {node.name: keys[node.name] for node in layout.masters}
    for node in keyed:
        folder = layout.node_folder(node.name)
        names = (EVERYBODY, *MASTERS_ONLY) if node in other_masters else (EVERYBODY,)
        for name in names if folder != home else ():
            shutil.copy(home / name, folder / name)
        join.pin(folder, cluster, masters)
    documents = json.dumps(first_documents(layout, keys), indent=2)
    (layout.state / DOCUMENTS).write_text(documents)


def first_documents(layout: Layout, keys: dict[str, str]) -> dict[str, Any]:
    """Build the site's document and each node's, as `config init` reads them."""
    nodes = {node.name: _node_document(node, keys.get(node.name, "")) for node in layout.nodes}
    return {
        "site": SiteDocument(name=layout.name).model_dump(mode="json"),
        "nodes": {name: document.model_dump(mode="json") for name, document in nodes.items()},
    }


async def found(processes: ProcessGroup) -> None:
    """Write the first entry of the log, and give each master its database.

    Raises:
        StartFailed: a verb of the config service failed; the message holds the end of its log.
    """
    layout = processes.layout
    first, *others = layout.masters
    documents = str(layout.state / DOCUMENTS)
    await _run(processes, first, "init", "--site", layout.name, "--document", documents)
    for node in others:
        await _run(processes, node, "join")


async def _run(processes: ProcessGroup, node: NodeLayout, *verb: str) -> None:
    plain = processes.service_program(node, "config", verb)
    password = {"MERIDIAN_ADMIN_PASSWORD_FILE": str(processes.layout.admin_password_file)}
    program = Program(
        name=plain.name,
        arguments=plain.arguments,
        environment={**plain.environment, **password},
        log=processes.layout.log(node.name, f"config-{verb[0]}"),
        folder=plain.folder,
        module=plain.module,
    )
    child = await processes.fork_server.run(program)
    try:
        await asyncio.wait_for(child.wait(), VERB_SECONDS)
    except TimeoutError:
        await processes.fork_server.kill([child])
    if child.exit_code != 0:
        log_end = last_words(program.log)
        raise StartFailed(
            f"config {verb[0]} on {node.name} ended with code {child.exit_code}{log_end}"
        )


def _node_document(node: NodeLayout, public_key: str) -> NodeDocument:
    place = node.place
    return NodeDocument(
        role=place.role,
        region=place.region,
        public_address=Address(host=HOST, port=node.relay) if node.relay else None,
        gateway_url=node.gateway_url,
        timezone=place.timezone,
        location=Location(latitude=place.latitude, longitude=place.longitude),
        public_key=public_key,
    )
