"""Collects what a site must know of an endpoint to place it: its clock, and how far relays are.

Relays are measured only where the site selects by latency, and not every time. A failure here never
prevents a session: without an answer in time the site places the endpoint without measurements.
"""

import asyncio
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from clients.clock import wall
from clients.endpoint.probing import RelayTarget, measure_latencies
from clients.session.latencies import Measurements, load_measurements, save_measurements
from clients.site.profile import Profile
from shared.api.client import SiteClient
from shared.api.probes import ProbePlan, probe_plan
from shared.api.sessions import EndpointFacts

PROBES_SECONDS: Final = 1.0
"""How long the site may take to say which relays to measure."""


def endpoint_facts(client: SiteClient, profile: Profile) -> EndpointFacts:
    """The facts of this end; relays are measured again when that is due."""
    site, offset = site_name(profile), utc_offset_minutes()
    now, address = wall().timestamp(), own_address(site)
    measurements = load_measurements(site)
    if not measurements.is_fresh(now, address):
        facts = EndpointFacts(utc_offset_minutes=offset)
        plan = client.try_once(probe_plan(facts, PROBES_SECONDS))
        measurements = _measure(plan, measurements.last_node, address)
        if plan is not None:
            save_measurements(site, measurements)
    measured = measurements.facts(wall().timestamp())
    return EndpointFacts.model_validate({"utc_offset_minutes": offset, **measured})


def site_name(profile: Profile) -> str:
    """The name under which the measurements of the profile's site are kept."""
    return profile.require_site()[0]


def utc_offset_minutes() -> int:
    """Return this machine's offset from UTC now, east positive."""
    return time.localtime().tm_gmtoff // 60


def own_address(site: str) -> str:
    """Find this machine's address towards *site*, which varies by network; empty if unknown."""
    try:
        url = urlsplit(site)
        host, port = url.hostname or "", url.port or 443
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return ""


def _measure(plan: ProbePlan | None, last_node: str, own_address: str) -> Measurements:
    """Measure the relays in the site's *plan*; no measurements when it names none."""
    latencies: dict[str, float] = {}
    if plan is not None and plan.nodes:
        relays = [RelayTarget(each.node, each.host, each.port) for each in plan.nodes]
        latencies = asyncio.run(measure_latencies(relays, plan.ticket))
    good_for = plan.good_for_seconds if plan is not None else 0.0
    return Measurements(wall().timestamp(), good_for, own_address, latencies, last_node)
