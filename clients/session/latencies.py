"""Keeps this machine's measurements of a site's relays, for a while, beside the profile.

`latencies.json` is one small file for all sites, replaced as a whole. A measurement is used for
half of the time that the site lets it count, so that it still counts when the other end comes.
After that, or when the machine's own address towards the site has changed, all relays are measured
again. A file that cannot be read or written only costs another measurement.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from clients.site.profile import profile_folder
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object

FILE: Final = "latencies.json"
MOST_SITES: Final = 32


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measurements of one site's relays: when and from which own address they were made."""

    measured_at: float = 0.0
    good_for_seconds: float = 0.0
    seen_from: str = ""
    latencies_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    last_node: str = ""

    def is_fresh(self, now: float, seen_from: str) -> bool:
        """Say whether they may be used at *now*; after the clock was set back they may not."""
        age = now - self.measured_at
        return seen_from == self.seen_from and 0 <= age < self.good_for_seconds / 2

    def facts(self, now: float) -> dict[str, Any]:
        """The part of it that is reported to the site."""
        ages = dict.fromkeys(self.latencies_ms, round(max(0.0, now - self.measured_at), 3))
        facts: dict[str, Any] = {
            "latencies_ms": dict(self.latencies_ms),
            "latency_ages_seconds": ages,
            "last_node": self.last_node,
        }
        return {name: value for name, value in facts.items() if value}


def load_measurements(site: str) -> Measurements:
    """The measurements of *site*; empty when it was never measured."""
    try:
        return _decode(_read().object(site))
    except Undecodable:
        return Measurements()


def save_measurements(site: str, measurements: Measurements) -> None:
    """Save the *measurements* of *site*, and drop the sites that were measured longest ago."""
    others = {name: load_measurements(name) for name in _read().members if name != site}
    newest = sorted(others, key=lambda name: others[name].measured_at, reverse=True)
    kept = {name: asdict(others[name]) for name in newest[: MOST_SITES - 1]}
    sites = {site: asdict(measurements), **kept}
    with contextlib.suppress(OSError):
        _write(json.dumps(sites))


def record_node(site: str, node: str) -> None:
    """Record that a session with *site* used *node*, which the next one then prefers slightly."""
    measurements = load_measurements(site)
    if measurements.last_node != node:
        save_measurements(site, replace(measurements, last_node=node))


def _read() -> Fields:
    try:
        return decode_object((profile_folder() / FILE).read_bytes(), FILE)
    except (OSError, Undecodable):
        return Fields({}, FILE)


def _decode(fields: Fields) -> Measurements:
    latencies = fields.object("latencies_ms")
    return Measurements(
        measured_at=fields.number("measured_at"),
        good_for_seconds=fields.number("good_for_seconds"),
        seen_from=fields.text("seen_from"),
        latencies_ms={node: latencies.number(node) for node in latencies.members},
        last_node=fields.text("last_node"),
    )


def _write(text: str) -> None:
    """Replace the file as a whole, without waiting for the disk."""
    folder = profile_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{FILE}.{os.getpid()}"
    draft.write_text(text)
    draft.replace(folder / FILE)
