"""The clients of a rehearsal, from a CSV file with a heading.

`address` is required; `utc_offset` (+05:30, or minutes), `latitude` with `longitude`, `clients`
(how many such clients a line stands for) and one `latency:NODE` in milliseconds for each node
measured are not. What is empty is unknown. Columns of other names are refused: a misspelt one
would be a fact that nobody considers.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from shared.domain.errors import BadSettings

LATENCY: Final = "latency:"
COLUMNS: Final = ("address", "utc_offset", "latitude", "longitude", "clients")
OFFSET: Final = re.compile(r"([+-])(\d{1,2}):([0-5]\d)")
MOST_CLIENTS: Final = 10_000_000


@dataclass(frozen=True)
class Person:
    """One line: *clients* people who look alike to the site."""

    address: str
    utc_offset_minutes: int | None = None
    location: tuple[float, float] | None = None
    clients: int = 1
    latencies_ms: Mapping[str, float] = field(default_factory=dict[str, float])

    def as_body(self) -> dict[str, Any]:
        """What the site is told of them."""
        facts = {
            "address": self.address,
            "utc_offset_minutes": self.utc_offset_minutes,
            "latencies_ms": dict(self.latencies_ms),
        }
        location = None
        if self.location is not None:
            location = {"latitude": self.location[0], "longitude": self.location[1]}
        return {"facts": facts, "location": location, "clients": self.clients}


def read(file: Path) -> list[Person]:
    """Everybody in *file*.

    Raises:
        BadSettings: it cannot be read, or a line makes no sense; the message says which and why.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return parsed(lines, file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the clients cannot be read: {error}") from error


def parsed(lines: Iterable[str], name: str) -> list[Person]:
    """Everybody in *lines* of the file called *name*.

    Raises:
        BadSettings: a line makes no sense.
    """
    reader = csv.DictReader(lines, restkey="")
    columns = [each.strip() for each in reader.fieldnames or ()]
    reader.fieldnames = columns
    _require_known(columns, name)
    people = list[Person]()
    for row in reader:
        try:
            people.append(_person(row))
        except ValueError as error:
            raise BadSettings(f"{name}, line {reader.line_num}: {error}") from error
    if not people:
        raise BadSettings(f"{name} names no client: below its heading stands a line for each")
    return people


def _require_known(columns: list[str], name: str) -> None:
    if "address" not in columns:
        raise BadSettings(f"{name} has no column address: its first line names the columns")
    for column in columns:
        if column not in COLUMNS and not column.startswith(LATENCY):
            known = ", ".join((*COLUMNS, f"{LATENCY}NODE"))
            raise BadSettings(f"{name} has a column {column!r}; there are {known}")
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise BadSettings(f"{name} has the column {twice[0]!r} twice")


def _person(row: Mapping[str, str | None]) -> Person:
    if "" in row:
        raise ValueError("it has more cells than the heading")
    cells = {name: (cell or "").strip() for name, cell in row.items()}
    return Person(
        address=str(ip_address(cells["address"])),
        utc_offset_minutes=_offset(cells.get("utc_offset", "")),
        location=_location(cells.get("latitude", ""), cells.get("longitude", "")),
        clients=_count(cells.get("clients", "")),
        latencies_ms={
            name.removeprefix(LATENCY).strip(): _number(cell, "latency", 0, 60_000)
            for name, cell in cells.items()
            if name.startswith(LATENCY) and cell
        },
    )


def _offset(cell: str) -> int | None:
    if not cell:
        return None
    if match := OFFSET.fullmatch(cell):
        sign, hours, minutes = match.groups()
        return int(sign + "1") * (60 * int(hours) + int(minutes))
    try:
        return int(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is no offset like +05:30, and no minutes") from error


def _location(latitude: str, longitude: str) -> tuple[float, float] | None:
    if not latitude and not longitude:
        return None
    return _number(latitude, "latitude", -90, 90), _number(longitude, "longitude", -180, 180)


def _count(cell: str) -> int:
    if not cell:
        return 1
    if not cell.isdecimal() or not 0 < int(cell) <= MOST_CLIENTS:
        raise ValueError(f"{cell!r} is no number of clients from 1 to {MOST_CLIENTS:,}")
    return int(cell)


def _number(cell: str, what: str, least: float, most: float) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise ValueError(f"{cell!r} is no {what} from {least:g} to {most:g}")
    return number
