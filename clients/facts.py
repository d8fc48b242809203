"""What an endpoint tells a site of itself before it is placed: its clock, and how far relays are.

Relays are measured only where the site goes by latency, and not every time. Nothing here keeps a
session from starting: without an answer in time the site places the endpoint without measurements.
"""

import asyncio
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from clients.endpoint.clock import wall
from clients.endpoint.probing import Relay, measured
from clients.latencies import Known, keep, recall
from clients.profile import Profile
from shared.api.client import SiteClient
from shared.api.probes import ProbePlan, probe_plan
from shared.api.sessions import EndpointFacts

ASK_SECONDS: Final = 1.0


def endpoint_facts(client: SiteClient, profile: Profile) -> EndpointFacts:
    """The facts of this end, relays measured anew when that is due."""
    site, offset = site_of(profile), utc_offset_minutes()
    now, seen_from = wall().timestamp(), own_address(site)
    known = recall(site)
    if not known.is_fresh(now, seen_from):
        facts = EndpointFacts(utc_offset_minutes=offset)
        plan = client.try_once(probe_plan(facts, ASK_SECONDS))
        known = _measured(plan, known.last_node, seen_from)
        if plan is not None:
            keep(site, known)
    facts = {"utc_offset_minutes": offset, **known.facts(wall().timestamp())}
    return EndpointFacts.model_validate(facts)


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


def _measured(plan: ProbePlan | None, last_node: str, seen_from: str) -> Known:
    """How far the relays are that the site's *plan* names; nothing when it names none."""
    latencies: dict[str, float] = {}
    if plan is not None and plan.nodes:
        relays = [Relay(each.node, each.host, each.port) for each in plan.nodes]
        latencies = asyncio.run(measured(relays, plan.ticket))
    good_for = plan.good_for_seconds if plan is not None else 0.0
    return Known(wall().timestamp(), good_for, seen_from, latencies, last_node)
