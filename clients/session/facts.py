"""Collects what a site must know of an endpoint to place it: its clock, and how far relays are.

Relays are measured only where the site selects by latency, and not every time. A failure here never
prevents a session: without an answer in time the site places the endpoint without measurements.
"""

import asyncio
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

from clients.clock import wall
from clients.endpoint.probing import Relay, measure_latencies
from clients.session.latencies import Measurements, load_measurements, save_measurements
from clients.site.api import SiteClient
from clients.site.profile import Profile
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields
from shared.domain.ids import NodeId

PROBES_SECONDS: Final = 1.0
"""How long the site may take to say which relays to measure."""


def endpoint_facts(client: SiteClient, profile: Profile) -> dict[str, Any]:
    """The facts of this end; relays are measured again when that is due."""
    site, offset = site_name(profile), utc_offset_minutes()
    now, address = wall().timestamp(), own_address(site)
    measurements = load_measurements(site)
    if not measurements.is_fresh(now, address):
        answer = client.try_once("/probes", {"utc_offset_minutes": offset}, PROBES_SECONDS)
        measurements = _measure(answer, measurements.last_node, address)
        if answer is not None:
            save_measurements(site, measurements)
    return {"utc_offset_minutes": offset, **measurements.facts(wall().timestamp())}


def site_name(profile: Profile) -> str:
    """The name under which the measurements of the profile's site are kept."""
    return profile.require_site()[0]


def utc_offset_minutes() -> int:
    """This machine's offset from UTC now, east positive."""
    return time.localtime().tm_gmtoff // 60


def own_address(site: str) -> str:
    """This machine's address towards *site*, which differs in another network; empty if unknown."""
    try:
        url = urlsplit(site)
        host, port = url.hostname or "", url.port or 443
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return ""


def _measure(answer: Any, last_node: str, own_address: str) -> Measurements:
    """Measure the relays that the site's *answer* lists; no measurements when it lists none."""
    ticket, relays, good_for = _read(answer)
    latencies = asyncio.run(measure_latencies(relays, ticket)) if relays else {}
    return Measurements(wall().timestamp(), good_for, own_address, latencies, last_node)


def _read(answer: Any) -> tuple[str, list[Relay], float]:
    try:
        fields = Fields(answer, "answer")
        relays = [
            Relay(NodeId(each.text("node")), each.text("host"), each.integer("port", most=65_535))
            for each in fields.objects("nodes")
        ]
        return fields.text("ticket"), relays, fields.number("good_for_seconds")
    except Undecodable:
        return "", [], 0.0
