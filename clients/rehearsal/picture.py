"""Draws a rehearsal as SVG: a map of the world with everybody on it, and a bar for each node.

A client has the colour of its node; below, today's share of a node stands as an outline behind its
share in the rehearsal. The coast is Natural Earth's, which is in the public domain.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any, Final, cast

from clients.rehearsal.population import Person
from clients.rehearsal.report import NO_NODE, PersonPlacement, Report, Share
from shared.decoding.fields import decode_object

WIDTH: Final = 1000
NORTH: Final = 84.0
SOUTH: Final = -58.0
SCALE: Final = WIDTH / 360.0
MAP_HEIGHT: Final = round((NORTH - SOUTH) * SCALE)
HEAD: Final = 56
BAR: Final = 16
GAP: Final = 8
LABEL: Final = 130
"""Width of the names left of the bars; `FIGURES` is that of the numbers to the right."""

FIGURES: Final = 270

COLOURS: Final = (
    *("#2f6fb3", "#d9822b", "#3a9e63", "#b8423f", "#7b5fb0", "#8a6a4f"),
    *("#c65f9c", "#5b6b7a", "#9aa51d", "#1f9aa8", "#e3b505", "#4c4fa3"),
)
NO_NODE_COLOUR: Final = "#222222"
PAPER: Final = "#ffffff"
SEA: Final = "#eef3f7"
LAND: Final = "#d3dce4"
INK: Final = "#1d2733"
FAINT: Final = "#6a7785"
FONT: Final = 'font-family="system-ui, sans-serif"'

Point = tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    """The data of a picture: everybody, where they were placed, and the nodes' locations."""

    title: str
    people: Sequence[Person]
    placements: Sequence[PersonPlacement]
    before: Report
    after: Report
    nodes: Mapping[str, tuple[float, float]]

    def colour_of(self) -> dict[str, str]:
        """A colour for each node, the same whatever the shares are."""
        names = sorted(
            {each.node for each in (*self.before.shares, *self.after.shares)} - {NO_NODE}
        )
        chosen = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
        return {**chosen, NO_NODE: NO_NODE_COLOUR}


def draw(drawing: Drawing) -> str:
    """The picture, as SVG."""
    colours = drawing.colour_of()
    names = [each.node for each in drawing.after.shares]
    names += [each.node for each in drawing.before.shares if each.node not in names]
    height = HEAD + MAP_HEIGHT + 2 * GAP + len(names) * (BAR + GAP) + 3 * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _text(16, 24, drawing.title, size=17, weight=600),
        _text(16, 44, _summary(drawing.before, drawing.after), colour=FAINT),
        f'<svg y="{HEAD}" width="{WIDTH}" height="{MAP_HEIGHT}" overflow="hidden">',
        f'<rect width="{WIDTH}" height="{MAP_HEIGHT}" fill="{SEA}"/>',
        *_coast(),
        *_people(drawing, colours),
        *_nodes(drawing, colours),
        "</svg>",
        *_bars(drawing, names, colours),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _summary(before: Report, after: Report) -> str:
    parts = [f"{after.clients:,} clients"]
    if after.kilometres is not None:
        parts.append(f"mean distance {after.kilometres:,.0f} km{_was(before.kilometres, ',.0f')}")
    if after.latency_ms is not None:
        parts.append(f"mean latency {after.latency_ms:.1f} ms{_was(before.latency_ms, '.1f')}")
    parts.append(f"without a node: {after.refused:,} (today {before.refused:,})")
    return " · ".join(parts)


def _was(value: float | None, form: str) -> str:
    return "" if value is None else f" (today {value:{form}})"


def _on_map(latitude: float, longitude: float) -> Point:
    return (longitude + 180) * SCALE, (NORTH - latitude) * SCALE


def _coast() -> Iterable[str]:
    text = files("clients.rehearsal").joinpath("coast.json").read_text(encoding="utf-8")
    rings = cast("list[list[int]]", decode_object(text, "coast").items("rings"))
    for ring in rings:
        points = (_on_map(ring[at + 1] / 10, ring[at] / 10) for at in range(0, len(ring), 2))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polygon points="{path}" fill="{LAND}"/>'


def _people(drawing: Drawing, colours: Mapping[str, str]) -> Iterable[str]:
    for person, placement in zip(drawing.people, drawing.placements, strict=True):
        if person.location is None:
            continue
        x, y = _on_map(*person.location)
        radius = min(1.6 + math.log10(person.clients), 7)
        colour = colours[placement.node or NO_NODE]
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" opacity="0.6"/>'


def _nodes(drawing: Drawing, colours: Mapping[str, str]) -> Iterable[str]:
    for node, place in sorted(drawing.nodes.items()):
        x, y = _on_map(*place)
        share = drawing.after.of(node)
        colour = colours.get(node, FAINT)
        radius = 6 + 16 * math.sqrt(share.share if share else 0.0)
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" '
            f'fill-opacity="0.25" stroke="{colour}" stroke-width="2"/>'
        )
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}" stroke="#fff"/>'
        label = f"{node} {share.share:.0%}" if share else node
        if share is None:
            yield _text(x, y + 20, label, colour=FAINT, halo=True, anchor="middle")
        elif x > WIDTH - LABEL:
            yield _text(x - radius - 3, y + 4, label, weight=600, halo=True, anchor="end")
        else:
            yield _text(x + radius + 3, y + 4, label, weight=600, halo=True)


def _bars(drawing: Drawing, names: Sequence[str], colours: Mapping[str, str]) -> Iterable[str]:
    top = HEAD + MAP_HEIGHT + 2 * GAP
    room = WIDTH - LABEL - FIGURES - 32
    largest = max(
        (each.share for each in (*drawing.before.shares, *drawing.after.shares)), default=1.0
    )
    for row, name in enumerate(names):
        y = top + row * (BAR + GAP)
        old, new = drawing.before.of(name), drawing.after.of(name)
        yield _text(16, y + BAR - 3, name, weight=600)
        yield _bar(y + 3, BAR - 6, room * _share(new) / largest, f'fill="{colours[name]}"')
        outline = f'fill="none" stroke="{INK}" stroke-opacity="0.5"'
        yield _bar(y, BAR, room * _share(old) / largest, outline)
        yield _text(WIDTH - FIGURES, y + BAR - 3, _figures(old, new))
    yield _text(
        16,
        top + len(names) * (BAR + GAP) + 2 * GAP,
        "Filled: in this rehearsal. Outline: today.",
        colour=FAINT,
    )


def _figures(old: Share | None, new: Share | None) -> str:
    count = new.clients if new else 0
    return f"{_share(new):.1%} (today {_share(old):.1%}), {count:,} clients"


def _share(share: Share | None) -> float:
    return share.share if share else 0.0


def _bar(y: float, height: float, width: float, style: str) -> str:
    return f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{height}" rx="2" {style}/>'


def _text(x: float, y: float, text: str, **style: Any) -> str:
    halo = f' paint-order="stroke" stroke="{PAPER}" stroke-width="3"' if style.get("halo") else ""
    anchor, size = style.get("anchor", "start"), style.get("size", 13)
    weight, colour = style.get("weight", 400), style.get("colour", INK)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}"{halo}>{escape(text)}</text>'
    )
