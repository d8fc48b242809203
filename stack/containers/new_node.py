"""Makes one more traffic node a node that serves: its key, its document, and the proof of both."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.documents import Kind
from shared.documents.node import Address, NodeDocument
from shared.domain.errors import BadSettings, Unavailable
from shared.domain.ids import parse_node_id
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from stack.containers import engine
from stack.containers.core.preparation import SECRETS
from stack.containers.prepare import meridian
from stack.containers.site import ContainerSite
from stack.containers.site_calls import SiteCalls
from stack.failure import StartFailed

SERVING_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.5
COMMAND: Final = ".venv/bin/meridian"


@dataclass(frozen=True)
class NewNode:
    """A traffic node to add: its name, its port on this machine, and where it is."""

    name: str
    port: int
    region: str
    timezone: str | None = None


def make_node_key(site: ContainerSite, name: str) -> str:
    """The public key of node *name*, which is made unless it exists.

    Raises:
        BadSettings: it is no name for a new node.
    """
    try:
        parse_node_id(name)
    except ValueError as error:
        raise BadSettings(f"which node is this? say NODE=lisbon ({error})") from error
    if f"{name}.key" in SECRETS:
        raise BadSettings(f"{name} is a node of the site already: choose another name")
    folder = ("--folder", str(site.settings.secrets))
    return engine.run(meridian("secrets", "node", name, *folder), site.root).strip()


def serve_node(
    site: ContainerSite,
    calls: SiteCalls,
    node: NewNode,
    key: str,
    *,
    applies: bool,
    report: Callable[[str], None],
) -> None:
    """Put *node*, which runs, into the configuration and wait until it serves; or say how to.

    Raises:
        StartFailed: it does not serve in time.
    """
    body = node_document(site.settings.host, node, key)
    if not applies:
        for line in _instructions(site, node, body):
            report(line)
        return
    calls.apply(({"kind": Kind.NODE, "id": node.name, "body": body},))
    _await_service(calls, node.name)
    report(f"{node.name} serves at {site.settings.host}:{node.port}")


def node_document(host: str, node: NewNode, key: str) -> dict[str, Any]:
    """The body of the node's document."""
    document = NodeDocument(
        role=NodeRole.TRAFFIC,
        region=node.region,
        timezone=node.timezone,
        public_address=Address(host=host, port=node.port),
        public_key=key,
    )
    return document.model_dump(mode="json", exclude_unset=True)


def _instructions(site: ContainerSite, node: NewNode, body: dict[str, Any]) -> list[str]:
    """Write the document to a file, and say the two commands that apply it."""
    secrets = site.settings.secrets
    file = secrets / f"{node.name}.yaml"
    file.write_text(json.dumps({"nodes": {node.name: body}}, indent=2) + "\n")
    trust = f"--site {','.join(site.settings.gateways)} --ca {_near(site, secrets / 'ca.pem')}"
    password = f"--password-file {_near(site, secrets / 'admin')}"
    return [
        f"{node.name} runs; it serves once it is in the configuration (YES=1 does that as well):",
        f"  {COMMAND} login admin {password} {trust}",
        f"  {COMMAND} apply -f {_near(site, file)}",
    ]


def _near(site: ContainerSite, path: Path) -> Path:
    """*path* as seen from the project's folder, where it lies below that."""
    return path.relative_to(site.root) if path.is_relative_to(site.root) else path


def _await_service(calls: SiteCalls, name: str) -> None:
    until = time.monotonic() + SERVING_SECONDS
    while True:
        try:
            node = calls.node(name)
            alive = node is not None and node.liveness is Liveness.ALIVE
            if alive and calls.has_caught_up(name):
                return
            why = "it is not alive" if not alive else "it has not caught up with the log"
        except Unavailable as error:
            why = error.message
        if time.monotonic() > until:
            raise StartFailed(f"{name} is in the configuration, but does not serve yet: {why}")
        time.sleep(POLL_SECONDS)
