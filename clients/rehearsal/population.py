"""Reads the clients of a rehearsal from a CSV file with a heading.

`address` is required; `utc_offset` (+05:30, hours up to 14, else minutes), `latitude` with
`longitude`, `clients` (how many such clients a line stands for) and one `latency:NODE` in
milliseconds for each node measured are not. An empty cell means unknown. Columns of other names are
refused, so that a misspelt one is not ignored.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clients.rehearsal.spreadsheet import LARGEST_BYTES, Row, decode_text, read_rows
from shared.api.selection import RehearsedClient, RehearsedFacts
from shared.decoding.errors import Undecodable
from shared.decoding.text import shown, to_integer, to_number
from shared.documents.hosts import number
from shared.documents.node import Location
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of
from shared.domain.ids import NodeId
from shared.domain.timezone import EASTERNMOST_MINUTES, WESTERNMOST_MINUTES

LATENCY: Final = "latency:"
COLUMNS: Final = ("address", "utc_offset", "latitude", "longitude", "clients")
CLOCK: Final = re.compile(r"([+-]?)([0-9]{1,2}):([0-5][0-9])(?::00)?")
MOST_HOURS: Final = 14
MOST_MINUTES: Final = 14 * 60
MOST_CLIENTS: Final = 10_000_000
THOUSAND: Final = 1_000


@dataclass(frozen=True)
class Person:
    """One line of the file: *clients* people with the same facts."""

    address: str
    utc_offset_minutes: int | None = None
    location: tuple[float, float] | None = None
    clients: int = 1
    latencies_ms: Mapping[str, float] = field(default_factory=dict[str, float])

    def as_client(self) -> RehearsedClient:
        """The facts that the site places them by."""
        facts = RehearsedFacts(
            address=self.address,
            utc_offset_minutes=self.utc_offset_minutes,
            latencies_ms={NodeId(node): each for node, each in self.latencies_ms.items()},
        )
        location = None
        if self.location is not None:
            location = Location(latitude=self.location[0], longitude=self.location[1])
        return RehearsedClient(facts=facts, location=location, clients=self.clients)


def read_population(file: Path) -> list[Person]:
    """Read everybody in *file*.

    Raises:
        BadSettings: it cannot be read, or a line is wrong; the message says which and why.
    """
    try:
        with file.open("rb") as content:
            text = decode_text(content.read(LARGEST_BYTES + 1))
    except (OSError, ValueError, Undecodable) as error:
        raise BadSettings(f"the clients cannot be read: {reason_of(error)}") from error
    return parse_population(text, file.name)


def parse_population(text: str, name: str) -> list[Person]:
    """Parse everybody in *text* of the file called *name*.

    Raises:
        BadSettings: a line is wrong.
    """
    try:
        people = list(_people(read_rows(text), name))
    except Undecodable as error:
        raise BadSettings(f"{name}, {error}") from error
    if not people:
        raise BadSettings(f"{name} names no client: below its heading stands a line for each")
    return people


def _people(rows: Iterator[Row], name: str) -> Iterator[Person]:
    _, heading = next(rows, (1, list[str]()))
    columns = [each.strip().lower() for each in heading]
    while columns and not columns[-1]:
        columns.pop()
    _require_known(columns, name)
    for line, cells in rows:
        try:
            yield _person(columns, [each.strip() for each in cells])
        except (ValueError, Undecodable) as error:
            raise BadSettings(f"{name}, line {line}: {error}") from error


def _require_known(columns: list[str], name: str) -> None:
    if "address" not in columns:
        raise BadSettings(f"{name} has no column address: its first line names the columns")
    for column in columns:
        if column not in COLUMNS and not column.startswith(LATENCY):
            known = ", ".join((*COLUMNS, f"{LATENCY}NODE"))
            raise BadSettings(f"{name} has a column {shown(column)}; there are {known}")
    repeated = [column for column in columns if columns.count(column) > 1]
    if repeated:
        raise BadSettings(f"{name} has the column {shown(repeated[0])} twice")


def _person(columns: list[str], cells: list[str]) -> Person:
    if any(cells[len(columns) :]):
        raise ValueError("it has more cells than the heading")
    fields = dict(zip(columns, cells, strict=False))
    return Person(
        address=_address(fields.get("address", "")),
        utc_offset_minutes=_offset(fields.get("utc_offset", "")),
        location=_location(fields.get("latitude", ""), fields.get("longitude", "")),
        clients=_count(fields.get("clients", "")),
        latencies_ms={
            column.removeprefix(LATENCY).strip(): _number(cell, "latency", 0, 60_000)
            for column, cell in fields.items()
            if column.startswith(LATENCY) and cell
        },
    )


def _address(cell: str) -> str:
    try:
        return number(cell)
    except ValueError as error:
        raise ValueError(f"{shown(cell)} does not appear to be an IPv4 or IPv6 address") from error


def _offset(cell: str) -> int | None:
    """Return minutes ahead of UTC; a spreadsheet makes `+5`, `5.5` or `05:30` of hours."""
    if not cell:
        return None
    if match := CLOCK.fullmatch(cell):
        sign, hours, minutes = match.groups()
        ahead = (60 * to_integer(hours) + to_integer(minutes)) * (-1 if sign == "-" else 1)
    else:
        ahead = _parse_offset(cell)
    if not WESTERNMOST_MINUTES <= ahead <= EASTERNMOST_MINUTES:
        raise ValueError(f"{shown(cell)} is no offset from -12:00 to +14:00")
    return ahead


def _parse_offset(cell: str) -> int:
    try:
        value = to_number(_with_point(cell, MOST_MINUTES), least=-MOST_MINUTES, most=MOST_MINUTES)
    except Undecodable as error:
        raise ValueError(f"{shown(cell)} is no offset like +05:30, and no minutes") from error
    minutes = value * 60 if abs(value) <= MOST_HOURS else value
    if minutes != round(minutes):
        raise ValueError(f"{shown(cell)} is no offset in whole minutes")
    return round(minutes)


def _location(latitude: str, longitude: str) -> tuple[float, float] | None:
    if not latitude and not longitude:
        return None
    return _number(latitude, "latitude", -90, 90), _number(longitude, "longitude", -180, 180)


def _count(cell: str) -> int:
    if not cell:
        return 1
    try:
        return to_integer(cell, least=1, most=MOST_CLIENTS)
    except Undecodable as error:
        raise ValueError(
            f"{shown(cell)} is no number of clients from 1 to {MOST_CLIENTS:,}"
        ) from error


def _number(cell: str, what: str, least: float, most: float) -> float:
    try:
        return to_number(_with_point(cell, most), least=least, most=most)
    except Undecodable as error:
        raise ValueError(f"{shown(cell)} is no {what} from {least:g} to {most:g}") from error


def _with_point(cell: str, most: float) -> str:
    """Put a point for a decimal comma in *cell*; `1,234` is ambiguous if it could be a thousand.

    Raises:
        ValueError: nobody can say which number it is.
    """
    if cell.count(",") != 1 or "." in cell:
        return cell
    whole, _, decimals = cell.partition(",")
    if most >= THOUSAND and len(decimals) == len("000") and whole.lstrip("+-0"):
        raise ValueError(f"{shown(cell)} may be a thousand or a fraction: write it with a point")
    return f"{whole}.{decimals}"
