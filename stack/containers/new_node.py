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


def node_document(host: str, node: NewNode, key: str) -> dict[str, Any]:
    """The body of the node's document."""
    document = NodeDocument(
        role=NodeRole.TRAFFIC,
        region=node.region,
        timezone=node.timezone,
        public_address=Address(host=host, port=node.port),
        public_key=key,
    )
    return document.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def serve(
    calls: SiteCalls,
    name: str,
    body: dict[str, Any],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Put node *name*, which runs, into the configuration, and wait until it serves.

    Raises:
        StartFailed: it does not serve in time.
    """
    calls.apply(({"kind": Kind.NODE, "id": name, "body": body},))
    until = time.monotonic() + SERVING_SECONDS
    while why := _what_is_missing(calls, name):
        if time.monotonic() > until:
            raise StartFailed(f"{name} is in the configuration, but does not serve yet: {why}")
        sleep(POLL_SECONDS)


def explain(site: ContainerSite, name: str, body: dict[str, Any]) -> list[str]:
    """Write the document of node *name* to a file, and say the two commands that apply it."""
    secrets = site.settings.secrets
    file = secrets / f"{name}.yaml"
    file.write_text(json.dumps({"nodes": {name: body}}, indent=2) + "\n")
    trust = f"--site {','.join(site.settings.gateways)} --ca {_near(site, secrets / 'ca.pem')}"
    password = f"--password-file {_near(site, secrets / 'admin')}"
    return [
        f"{name} runs; it serves once it is in the configuration (YES=1 does that as well):",
        f"  {COMMAND} login admin {password} {trust}",
        f"  {COMMAND} apply -f {_near(site, file)}",
    ]


def _near(site: ContainerSite, path: Path) -> Path:
    """*path* as seen from the project's folder, where it lies below that."""
    return path.relative_to(site.root) if path.is_relative_to(site.root) else path


def _what_is_missing(calls: SiteCalls, name: str) -> str | None:
    """Say why the node does not serve; None when it does."""
    try:
        node = calls.node(name)
        if node is None or node.liveness is not Liveness.ALIVE:
            return "it is not alive"
        return None if calls.has_caught_up(name) else "it has not caught up with the log"
    except Unavailable as error:
        return error.message
