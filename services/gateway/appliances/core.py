"""Decides how the cluster looks in the API of the field's product, for its scripts.

A script polls `check_health`, reads the answer and may ask for another role; `get_appliances`
lists the nodes. Here are the answers, as values and in that product's XML as far as it is
published: an empty element is left out, booleans are 1 and 0, a time zone is in seconds, an id is
a GUID made of the site's and the node's names, the same on every master.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.node import FailoverRole, NodeRole
from shared.domain.timezone import offset_minutes

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Appliance:
    """One node of the site."""

    id: str
    name: str
    public_hostname: str
    cluster_role: str
    failover_role: FailoverRole
    accepting_connections: bool
    timezone_offset: int


@dataclass(frozen=True, slots=True)
class DataSync:
    """The time and the status of the last report from the copy of the master state."""

    at: UnixMillis
    status: str


@dataclass(frozen=True, slots=True)
class ApplianceHealth:
    """The health of one master; *error_message* is empty when all is well."""

    id: str
    hostname: str
    version: str
    failover_role: FailoverRole
    error_message: str = ""
    shared_ips: tuple[str, ...] = ()
    data_sync: DataSync | None = None

    @property
    def success(self) -> bool:
        return not self.error_message


def guid(site: str, node: NodeId) -> str:
    """Derive the node's id: version 8 of RFC 9562, of a hash of both names."""
    digest = bytearray(hashlib.sha256(f"meridian/appliance {site} {node}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The site at one moment: its name, who is primary, how many nodes and masters it has."""

    name: str
    primary: NodeId | None
    at: UnixMillis
    nodes: int = 3
    masters: int = 2

    @property
    def has_a_pair(self) -> bool:
        return self.masters > 1


def describe_appliance(node: NodeId, document: NodeDocument, site: SiteFacts) -> Appliance:
    """Describe *node* as `get_appliances` shows it; a lone node always accepts connections."""
    is_alone, role = site.nodes == 1, FailoverRole.NONE
    if document.role is NodeRole.MASTER and site.has_a_pair:
        role = FailoverRole.PRIMARY if node == site.primary else FailoverRole.BACKUP
    minutes = 0 if document.timezone is None else offset_minutes(document.timezone, site.at)
    part = "traffic" if document.role is NodeRole.TRAFFIC else "primary"
    return Appliance(
        id=guid(site.name, node),
        name=node,
        public_hostname=public_hostname(node, document),
        cluster_role="single" if is_alone else part,
        failover_role=role,
        accepting_connections=is_alone or document.accepting_new_clients,
        timezone_offset=minutes * 60,
    )


def public_hostname(node: NodeId, document: NodeDocument) -> str:
    """Return *node*'s public host: of its gateway, else where endpoints connect, else its name."""
    found = urlsplit(document.gateway_url or "").hostname
    return found or (document.public_address.host if document.public_address else node)


def health_xml(health: ApplianceHealth) -> bytes:
    """Write the answer to `check_health`."""
    root = Element("check_health")
    SubElement(root, "appliance", id=health.id).text = health.hostname
    SubElement(root, "version").text = health.version
    SubElement(root, "success").text = _bit(health.success)
    if health.error_message:
        SubElement(root, "error_message").text = health.error_message
    SubElement(root, "failover_role").text = health.failover_role
    if health.shared_ips:
        addresses = SubElement(root, "enabled_shared_ips")
        for address in health.shared_ips:
            SubElement(addresses, "ip").text = address
    if health.data_sync is not None:
        at = health.data_sync.at
        synced = SubElement(root, "last_data_sync_time", ts=str(at // 1000))
        synced.text = iso_8601(at)
        SubElement(root, "last_data_sync_status").text = health.data_sync.status
    return _to_bytes(root)


def appliances_xml(appliances: Sequence[Appliance]) -> bytes:
    """Write the answer to `get_appliances`."""
    root = Element("get_appliances")
    for each in appliances:
        node = SubElement(root, "appliance", id=each.id)
        SubElement(node, "name").text = each.name
        SubElement(node, "public_hostname").text = each.public_hostname
        SubElement(node, "cluster_role").text = each.cluster_role
        SubElement(node, "failover_role").text = each.failover_role
        SubElement(node, "accepting_connections").text = _bit(each.accepting_connections)
        SubElement(node, "timezone_offset").text = str(each.timezone_offset)
    return _to_bytes(root)


def success_xml(text: str) -> bytes:
    """Write the answer that a command was carried out."""
    return _text_element("success", text)


def error_xml(text: str) -> bytes:
    """Write the answer that a command was refused, or cannot be carried out now."""
    return _text_element("error", text)


def iso_8601(at: UnixMillis) -> str:
    """Format a moment in UTC, to the second."""
    moment = EPOCH + timedelta(seconds=at // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def _bit(value: bool) -> str:  # noqa: FBT001 (the product's own spelling of one)
    return "1" if value else "0"


def _text_element(tag: str, text: str) -> bytes:
    root = Element(tag)
    root.text = text
    return _to_bytes(root)


def _to_bytes(root: Element) -> bytes:
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written
