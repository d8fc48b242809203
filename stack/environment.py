"""Builds the environment of a node's service: every `MERIDIAN_` variable and its value.

A process gets what it needs and no more: only those who write or read the master state know the
database, only the failover monitor the system account.
"""

import os
from typing import Final

from stack import nats, postgres
from stack.layout import Layout, NodeLayout
from stack.ports import HOST

INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH")
WITH_DATABASE: Final = frozenset({"config", "replication", "failover_monitor"})


def environment(layout: Layout, node: NodeLayout, service: str) -> dict[str, str]:
    """Build the whole environment of *service* on *node*."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, **_common(layout, node, service), **_own(layout, node, service)}


def _common(layout: Layout, node: NodeLayout, service: str) -> dict[str, str]:
    return {
        "MERIDIAN_NODE": node.name,
        "MERIDIAN_STATE_DIR": str(layout.node_folder(node.name)),
        "MERIDIAN_PSK_FILE": str(layout.secret("psk")),
        "MERIDIAN_NATS_SERVERS": nats_servers(layout, node),
        "MERIDIAN_NATS_USER": nats.SERVICE_USER,
        "MERIDIAN_NATS_PASSWORD_FILE": _nats_password(layout, nats.SERVICE_USER),
        "MERIDIAN_METRICS_HOST": HOST,
        "MERIDIAN_METRICS_PORT": str(node.services.get(service, 0)),
        "MERIDIAN_LOG_FORMAT": "json",
        "MERIDIAN_TIMING": os.environ.get("MERIDIAN_TIMING", "local"),
    }


def _own(layout: Layout, node: NodeLayout, service: str) -> dict[str, str]:
    """Build the variables of this service alone, or of masters alone."""
    own: dict[str, str] = {}
    if service in WITH_DATABASE and node.postgres:
        own["MERIDIAN_DATABASE_URL"] = postgres.url(layout, node)
    match service:
        case "relay":
            own |= {"MERIDIAN_RELAY_HOST": HOST, "MERIDIAN_RELAY_PORT": str(node.relay)}
        case "gateway":
            own |= {
                "MERIDIAN_GATEWAY_HOST": HOST,
                "MERIDIAN_GATEWAY_PORT": str(node.gateway),
                "MERIDIAN_GATEWAY_URL": node.gateway_url or "",
            }
        case "failover_monitor":
            own |= {
                "MERIDIAN_WITNESS": layout.witness.name,
                "MERIDIAN_NATS_SYSTEM_USER": nats.SYSTEM_USER,
                "MERIDIAN_NATS_SYSTEM_PASSWORD_FILE": _nats_password(layout, nats.SYSTEM_USER),
            }
        case _:
            pass
    return own


def nats_servers(layout: Layout, node: NodeLayout) -> str:
    """List the servers: a master's own first, and for the others each node begins elsewhere."""
    servers = layout.servers
    first = servers.index(node) if node in servers else layout.nodes.index(node) % len(servers)
    ordered = (*servers[first:], *servers[:first])
    ports = (layout.nats_port(node, each, "client") for each in ordered)
    return ",".join(f"nats://{HOST}:{port}" for port in ports)


def _nats_password(layout: Layout, user: str) -> str:
    return str(layout.secret(nats.secret_name(user)))
