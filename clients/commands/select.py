"""`meridian select`: which traffic node a client, or two ends together, would get, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, SiteOption, taking
from clients.endpoint.clock import wall
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from shared.api.selection import SelectionQuestion
from shared.api.selection import select as select_call
from shared.decoding.errors import Undecodable
from shared.decoding.text import shown, to_integer, to_number
from shared.domain.errors import BadSettings
from shared.domain.ids import UnixMillis
from shared.domain.timezone import EASTERNMOST_MINUTES, WESTERNMOST_MINUTES, offset_minutes

MOST_MS = 60_000.0

OFFSET_HELP = "offset from UTC: +05:30, minutes, or a zone such as Europe/Berlin."
Latencies = Annotated[
    list[str] | None,
    typer.Option("--latency", metavar="NODE=MS", help="What the client measured; repeatable."),
]
OtherLatencies = Annotated[
    list[str] | None,
    typer.Option("--other-latency", metavar="NODE=MS", help="What the other end measured."),
]


@dataclass(frozen=True)
class Asked:
    """What `meridian select` may be told."""

    client_ip: Annotated[
        str | None, typer.Option("--client-ip", help="The client's address; default: yours.")
    ] = None
    offset: Annotated[
        str | None, typer.Option("--offset", "--utc-offset", help=f"The client's {OFFSET_HELP}")
    ] = None
    latency: Latencies = None
    other_ip: Annotated[
        str | None, typer.Option("--other-ip", help="The representative's address.")
    ] = None
    other_offset: Annotated[
        str | None, typer.Option("--other-offset", help=f"The representative's {OFFSET_HELP}")
    ] = None
    other_latency: OtherLatencies = None
    public_site: Annotated[
        str | None, typer.Option("--public-site", help="As at this public site.")
    ] = None
    team: Annotated[str | None, typer.Option("--team", help="As for this team.")] = None
    pin: Annotated[str | None, typer.Option("--pin", help="As if pinned to this node.")] = None
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="By these methods in this order; repeatable."),
    ] = None
    count: Annotated[int, typer.Option("--count", min=1, help="How many nodes.")] = 3
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every node with its rank or refusal.")
    ] = False
    site: SiteOption = None
    ca: CaOption = None
    json: JsonOption = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("select")(plainly(select))


@taking(Asked)
def select(asked: Asked) -> None:
    """Which traffic node a client would get, and why."""
    with site_client(Profile.load(asked.site, asked.ca)) as client:
        answer = client.ask(select_call(question(asked)))
    if asked.json:
        as_json(answer)
        return
    chosen = ", ".join(each.node for each in answer.choices) or "no node"
    policy = f", policy {answer.policy}" if answer.policy else ""
    say(f"{chosen} (method {answer.method}{policy}, revision {answer.revision})")
    for note in answer.notes:
        say(f"  {note}")
    if asked.explain:
        columns = ("rank", "node", "region", "reason")
        rows = ([getattr(each, name) for name in columns] for each in answer.explanation)
        table(columns, rows)


def question(asked: Asked) -> SelectionQuestion:
    """What the site is asked; what was not said is left out.

    Raises:
        BadSettings: an offset or a latency cannot be read.
    """
    body: dict[str, Any] = {
        "client": _end(asked.client_ip, asked.offset, asked.latency),
        "other": _end(asked.other_ip, asked.other_offset, asked.other_latency),
        "count": asked.count,
        "public_site": asked.public_site,
        "team": asked.team,
        "pin": asked.pin,
        "methods": asked.method,
    }
    said = {name: value for name, value in body.items() if value}
    return SelectionQuestion.model_validate(said)


def _end(
    address: str | None, offset: str | None, latencies: Iterable[str] | None
) -> dict[str, Any]:
    facts = {
        "address": address,
        "utc_offset_minutes": None if offset is None else _offset(offset),
        "latencies_ms": dict(_latency(each) for each in latencies or ()) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _latency(text: str) -> tuple[str, float]:
    node, _, told = text.partition("=")
    try:
        return node, to_number(told.removesuffix("ms"), least=0, most=MOST_MS)
    except Undecodable as error:
        raise BadSettings(f"--latency {shown(text)}: say NODE=MS, as in berlin=12.5") from error


def _offset(text: str) -> int:
    try:
        if text.lstrip("+-").isdecimal():
            return to_integer(text, least=WESTERNMOST_MINUTES, most=EASTERNMOST_MINUTES)
        return offset_minutes(text, UnixMillis(round(wall().timestamp() * 1000)))
    except (ValueError, Undecodable) as error:
        raise BadSettings(
            f"--offset {shown(text)}: say an offset like +05:30, minutes like -300, or a zone like "
            "Europe/Berlin"
        ) from error
