"""What a setting would do, before it is saved: `meridian simulate selection`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, SiteOption, taking
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from clients.rehearsal.picture import Drawing, draw
from clients.rehearsal.population import read
from clients.rehearsal.report import Report, Share, moves, report
from clients.rehearsal.trial import Supposed, locations, placed
from shared.domain.errors import BadSettings

SHOWN_MOVES: Final = 10


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    simulate = typer.Typer(no_args_is_help=True, help="What a setting would do.")
    simulate.callback()(_group)
    simulate.command("selection")(plainly(selection))
    app.add_typer(simulate, name="simulate")


def _group() -> None:
    """What a setting would do, before it is saved."""


@dataclass(frozen=True)
class Asked:
    """What `meridian simulate selection` may be told."""

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
    site: SiteOption = None
    ca: CaOption = None
    json: JsonOption = False


@taking(Asked)
def selection(asked: Asked) -> None:
    """Place a population now and as supposed, and show who goes where."""
    people = read(asked.clients)
    today = Supposed(public_site=asked.public_site, team=asked.team)
    supposed = replace(
        today,
        methods=tuple(asked.method or ()),
        policy=asked.policy,
        failed=tuple(asked.fail or ()),
    )
    with site_client(Profile.load(asked.site, asked.ca)) as client:
        before = placed(client, people, today)
        after = before if supposed == today else placed(client, people, supposed)
        nodes = locations(client) if asked.picture else {}
    old, new = report(people, before), report(people, after)
    if asked.picture is not None:
        _draw(asked.picture, Drawing(supposed.title, people, after, old, new, nodes))
    moved = moves(people, before, after)
    if asked.json:
        told = [{"from": a, "to": b, "clients": count} for (a, b), count in moved.items()]
        as_json({"today": old.as_json(), "supposed": new.as_json(), "moves": told})
        return
    _show(supposed, old, new)
    for (origin, target), count in list(moved.items())[:SHOWN_MOVES]:
        say(f"  {count:,} clients go from {origin} to {target}")
    if asked.picture is not None:
        say(f"the picture is in {asked.picture}")


def _draw(file: Path, drawing: Drawing) -> None:
    try:
        file.write_text(draw(drawing), encoding="utf-8")
    except OSError as error:
        raise BadSettings(f"the picture cannot be written: {error}") from error


def _show(supposed: Supposed, old: Report, new: Report) -> None:
    say(f"{supposed.title}: {new.clients:,} clients, {new.refused:,} without a node")
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
    table(columns, rows)


def _row(name: str, old: Share | None, new: Share | None) -> tuple[Any, ...]:
    shares = (f"{each.share:.1%}" if each else "0.0%" for each in (new, old))
    distances = (_figure(each.kilometres) if each else None for each in (new, old))
    latencies = (_figure(each.latency_ms) if each else None for each in (new, old))
    return name, f"{new.clients if new else 0:,}", *shares, *distances, *latencies


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:,.1f}"
