"""What this machine measured of a site's relays, kept for a while beside the profile.

One small file for all sites, `latencies.json`, written whole. A measurement is used for half of the
time that the site lets it count, so that it still counts when the other end comes; then, or when
the machine's own address towards the site has changed, everything is measured anew. A file that
cannot be read or written only costs another measurement.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from clients.site.profile import home
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object

FILE: Final = "latencies.json"
MOST_SITES: Final = 32


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one site's relays, since when, and as seen from which own address."""

    measured_at: float = 0.0
    good_for_seconds: float = 0.0
    seen_from: str = ""
    latencies_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    last_node: str = ""

    def is_fresh(self, now: float, seen_from: str) -> bool:
        """Whether it may be used at *now*; a clock that was set back makes nothing fresh."""
        age = now - self.measured_at
        return seen_from == self.seen_from and 0 <= age < self.good_for_seconds / 2

    def facts(self, now: float) -> dict[str, Any]:
        """What a site is told of it."""
        ages = dict.fromkeys(self.latencies_ms, round(max(0.0, now - self.measured_at), 3))
        facts: dict[str, Any] = {
            "latencies_ms": dict(self.latencies_ms),
            "latency_ages_seconds": ages,
            "last_node": self.last_node,
        }
        return {name: value for name, value in facts.items() if value}


def recall(site: str) -> Known:
    """What is known of *site*; nothing, when it was never measured."""
    try:
        return _known(_read().object(site))
    except Undecodable:
        return Known()


def keep(site: str, known: Known) -> None:
    """Remember *known* of *site*, and forget the sites that were measured longest ago."""
    others = {name: recall(name) for name in _read().members if name != site}
    newest = sorted(others, key=lambda name: others[name].measured_at, reverse=True)
    kept = {name: asdict(others[name]) for name in newest[: MOST_SITES - 1]}
    sites = {site: asdict(known), **kept}
    with contextlib.suppress(OSError):
        _write(json.dumps(sites))


def went_by(site: str, node: str) -> None:
    """A session with *site* went by *node*; small differences lead the next one nowhere else."""
    known = recall(site)
    if known.last_node != node:
        keep(site, replace(known, last_node=node))


def _read() -> Fields:
    try:
        return decode_object((home() / FILE).read_bytes(), FILE)
    except (OSError, Undecodable):
        return Fields({}, FILE)


def _known(fields: Fields) -> Known:
    latencies = fields.object("latencies_ms")
    return Known(
        measured_at=fields.number("measured_at"),
        good_for_seconds=fields.number("good_for_seconds"),
        seen_from=fields.text("seen_from"),
        latencies_ms={node: latencies.number(node) for node in latencies.members},
        last_node=fields.text("last_node"),
    )


def _write(text: str) -> None:
    """Replace the file as a whole; it is not worth waiting for the disk."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home() / f"{FILE}.{os.getpid()}"
    draft.write_text(text)
    draft.replace(home() / FILE)
