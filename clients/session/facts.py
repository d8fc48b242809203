"""What an endpoint tells a site of itself before it is placed: its clock, and how far relays are.

Relays are measured only where the site goes by latency, and not every time. Nothing here keeps a
session from starting: without an answer in time the site places the endpoint without measurements.
"""

import asyncio
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from clients.clock import wall
from clients.endpoint.probing import Relay, measured
from clients.session.latencies import Known, keep, recall
from clients.site.api import SiteClient
from clients.site.profile import Profile
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields
from shared.domain.ids import NodeId

ASK_SECONDS: Final = 1.0


def endpoint_facts(client: SiteClient, profile: Profile) -> dict[str, Any]:
    """The facts of this end, relays measured anew when that is due."""
    site, offset = site_of(profile), utc_offset_minutes()
    now, seen_from = wall().timestamp(), own_address(site)
    known = recall(site)
    if not known.is_fresh(now, seen_from):
        told = client.try_once("/probes", {"utc_offset_minutes": offset}, ASK_SECONDS)
        known = _measured(told, known.last_node, seen_from)
        if told is not None:
            keep(site, known)
    return {"utc_offset_minutes": offset, **known.facts(wall().timestamp())}


def site_of(profile: Profile) -> str:
    """By which name the measurements of the profile's site are kept."""
    return profile.require_site()[0]


def utc_offset_minutes() -> int:
    """This machine's offset from UTC now, east positive."""
    return time.localtime().tm_gmtoff // 60


def own_address(site: str) -> str:
    """This machine's address towards *site*: another one is another network; empty: not known."""
    try:
        where = urlsplit(site)
        host, port = where.hostname or "", where.port or 443
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return ""


def _measured(told: Any, last_node: str, seen_from: str) -> Known:
    """What the relays that the site *told* of are away; nothing when it told of none."""
    ticket, relays, good_for = _read(told)
    latencies = asyncio.run(measured(relays, ticket)) if relays else {}
    return Known(wall().timestamp(), good_for, seen_from, latencies, last_node)


def _read(told: Any) -> tuple[str, list[Relay], float]:
    try:
        fields = Fields(told, "answer")
        relays = [
            Relay(NodeId(each.text("node")), each.text("host"), each.integer("port", most=65_535))
            for each in fields.objects("nodes")
        ]
        return fields.text("ticket"), relays, fields.number("good_for_seconds")
    except Undecodable:
        return "", [], 0.0
