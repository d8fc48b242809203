"""`meridian simulate`: what a setting would do, before it is saved."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clients.cli.command import SiteCommandClass, SiteContext
from clients.cli.output import print_line, print_table
from clients.rehearsal.picture import Drawing, draw
from clients.rehearsal.population import read_population
from clients.rehearsal.report import Report, Share, build_report, count_moves
from clients.rehearsal.trial import Assumptions, place_people, read_locations
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of

SHOWN_MOVES: Final = 10


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("selection", cls=SiteCommandClass)(SimulateSelection)
    app.add_typer(group, name="simulate")


def _group() -> None:
    """Show what a setting would do, before it is saved."""


@dataclass(frozen=True)
class SimulateSelection:
    """Place a population by today's settings and by others, and show who goes where."""

    clients: Annotated[
        Path, typer.Option("--clients", help="CSV: address, utc_offset, latitude, longitude, ….")
    ]
    fail: Annotated[
        list[str] | None, typer.Option("--fail", help="A node that is to be dead; repeatable.")
    ] = None
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Methods in place of the site's; repeatable, in order."),
    ] = None
    policy: Annotated[
        str | None, typer.Option("--policy", help="A policy in place of the site's.")
    ] = None
    public_site: Annotated[
        str | None, typer.Option("--public-site", help="As at this public site.")
    ] = None
    team: Annotated[str | None, typer.Option("--team", help="As for this team.")] = None
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw a map and bars to this SVG file.")
    ] = None

    def run(self, context: SiteContext) -> None:
        """Have the site place everybody twice, and print the difference."""
        people = read_population(self.clients)
        today = Assumptions(public_site=self.public_site, team=self.team)
        assumed = replace(
            today,
            methods=tuple(self.method or ()),
            policy=self.policy,
            failed=tuple(self.fail or ()),
        )
        with context.client() as client:
            before = place_people(client, people, today)
            after = before if assumed == today else place_people(client, people, assumed)
            nodes = read_locations(client) if self.picture else {}
        old, new = build_report(people, before), build_report(people, after)
        if self.picture is not None:
            _draw(self.picture, Drawing(assumed.title, people, after, old, new, nodes))
        moves = count_moves(people, before, after)
        context.report(
            _as_json(old, new, moves), lambda _: self._show(assumed.title, (old, new), moves)
        )

    def _show(
        self, title: str, reports: tuple[Report, Report], moves: Mapping[tuple[str, str], int]
    ) -> None:
        _show_shares(title, *reports)
        for (origin, target), count in list(moves.items())[:SHOWN_MOVES]:
            print_line(f"  {count:,} clients go from {origin} to {target}")
        if self.picture is not None:
            print_line(f"the picture is in {self.picture}")


def _as_json(old: Report, new: Report, moves: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    listed = [{"from": a, "to": b, "clients": count} for (a, b), count in moves.items()]
    return {"today": old.as_json(), "supposed": new.as_json(), "moves": listed}


def _draw(file: Path, drawing: Drawing) -> None:
    try:
        file.write_text(draw(drawing), encoding="utf-8")
    except OSError as error:
        raise BadSettings(f"the picture cannot be written: {reason_of(error)}") from error


def _show_shares(title: str, old: Report, new: Report) -> None:
    print_line(f"{title}: {new.clients:,} clients, {new.refused:,} without a node")
    names = [each.node for each in new.shares]
    names += [each.node for each in old.shares if each.node not in names]
    columns = ("node", "clients", "share", "today", "km", "today", "ms", "today")
    rows = [_row(name, old.of(name), new.of(name)) for name in names]
    rows.append(
        (
            *("all", f"{new.clients:,}", "", ""),
            *(_figure(new.kilometres), _figure(old.kilometres)),
            *(_figure(new.latency_ms), _figure(old.latency_ms)),
        )
    )
    print_table(columns, rows)


def _row(name: str, old: Share | None, new: Share | None) -> tuple[Any, ...]:
    shares = (f"{each.share:.1%}" if each else "0.0%" for each in (new, old))
    distances = (_figure(each.kilometres) if each else None for each in (new, old))
    latencies = (_figure(each.latency_ms) if each else None for each in (new, old))
    return name, f"{new.clients if new else 0:,}", *shares, *distances, *latencies


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:,.1f}"
