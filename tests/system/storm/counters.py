"""What each service counts, read from its own metrics."""

import asyncio
import re
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stack.layout import Layout
from stack.ports import HOST

LINE: Final = re.compile(r'^(meridian_messages_\w+)_total\{\w+="(.*)"\} (\S+)$', re.MULTILINE)
REJECTED: Final = "meridian_messages_rejected"
RECEIVED: Final = "meridian_messages_received"
READ_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """One reading: refusals by reason, and what passed by its declared name."""

    rejected: dict[str, int]
    received: dict[str, int]

    @property
    def refused(self) -> int:
        return sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of a site's services, by `node.service`."""

    layout: Layout

    async def read(self, services: Iterable[str]) -> dict[str, Counts]:
        """What each of *services* has counted so far.

        Raises:
            OSError: one does not answer.
        """
        names = sorted(services)
        return dict(zip(names, await asyncio.gather(*map(self._one, names)), strict=True))

    async def _one(self, name: str) -> Counts:
        node, _, service = name.partition(".")
        port = self.layout.node(node).services[service]
        return await asyncio.to_thread(_read, port)


def _read(port: int) -> Counts:
    url = f"http://{HOST}:{port}/metrics"
    with urllib.request.urlopen(url, timeout=READ_SECONDS) as answer:
        text = answer.read().decode()
    found: dict[str, dict[str, int]] = {REJECTED: {}, RECEIVED: {}}
    for name, label, value in LINE.findall(text):
        if name in found:
            found[name][label] = int(float(value))
    return Counts(found[REJECTED], found[RECEIVED])
