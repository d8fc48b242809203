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
from typing import Any, Final, cast

from clients.profile import home

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
        return Known(**_read()[site])
    except (KeyError, TypeError):
        return Known()


def keep(site: str, known: Known) -> None:
    """Remember *known* of *site*, and forget the sites that were measured longest ago."""
    others = {name: told for name, told in _read().items() if name != site}
    newest = sorted(others, key=lambda name: _measured_at(others[name]), reverse=True)
    sites = {site: asdict(known), **{name: others[name] for name in newest[: MOST_SITES - 1]}}
    with contextlib.suppress(OSError):
        _write(json.dumps(sites))


def went_by(site: str, node: str) -> None:
    """A session with *site* went by *node*; small differences lead the next one nowhere else."""
    known = recall(site)
    if known.last_node != node:
        keep(site, replace(known, last_node=node))


def _read() -> dict[str, dict[str, Any]]:
    try:
        told: Any = json.loads((home() / FILE).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    sites = cast("dict[str, Any]", told)
    return {name: each for name, each in sites.items() if isinstance(each, dict)}


def _write(text: str) -> None:
    """Replace the file as a whole; it is not worth waiting for the disk."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home() / f"{FILE}.{os.getpid()}"
    draft.write_text(text)
    draft.replace(home() / FILE)


def _measured_at(told: Mapping[str, Any]) -> float:
    at = told.get("measured_at")
    return float(at) if isinstance(at, int | float) else 0.0
