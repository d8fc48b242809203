"""Where in the world an address is, by a MaxMind database that the operator supplies.

Any `.mmdb` file serves that has a `location` with `latitude` and `longitude`; a database of
countries or of providers has none, and that is said. It is read whole into
memory, so that a file that is cut short while it is used harms nobody, and read again when it has
changed. A file that cannot be read is told once for each state of it; until it can, no address has
a place, and the next method decides.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import maxminddb
from pydantic import ValidationError

from services.node_selector.core.facts import Located
from services.node_selector.core.prefixes import Address, parse_address
from shared.documents.node import Location
from shared.domain.containment import describe_error
from shared.runtime.clock import Clock

if TYPE_CHECKING:
    from shared.domain.ids import Instant

LOOK_AGAIN_SECONDS: Final = 1.0
"""A change of the file is seen after so long at the latest."""

REMEMBERED: Final = 16_384
SHOWN: Final = 60

SAMPLE: Final = tuple(IPv4Address((first << 24) | 0x080808) for first in range(1, 224))
"""An address of each large network: a database of the world knows most of them."""

PLACELESS: Final = re.compile(r"ASN|ISP|Country|Connection|Domain|Anonymous", re.IGNORECASE)
"""Types of databases that are sold without places."""

State = tuple[int, int, int] | None
"""What tells one state of a file from another; None when there is none."""


class Reader(Protocol):
    """A database that was read."""

    def get(self, ip_address: Address) -> object: ...

    def metadata(self) -> Any: ...


class Nowhere:
    """Places without a database."""

    def locate(self, address: str) -> Located:
        del address
        return Located()


class Database:
    """The places of one file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._log = logging.getLogger("meridian.places")
        self._looked_at: Instant | None = None
        self._state: State = None
        self._reader: Reader | None = None
        self._failure = self._lack = ""
        self._remembered = lru_cache(REMEMBERED)(self._found)

    def locate(self, address: str) -> Located:
        """Where *address* is, or the reason why that is not known; it never raises."""
        self._look_again()
        if self._reader is None:
            return Located(None, self._failure)
        return self._remembered(address)

    def _look_again(self) -> None:
        now = self._clock.now()
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN_SECONDS:
            return
        state = _state(self._path)
        if self._looked_at is None or state != self._state:
            self._state = state
            self._read()
        self._looked_at = now

    def _read(self) -> None:
        self._remembered.cache_clear()
        self._lack = ""
        try:
            reader = cast("Any", maxminddb).open_database(self._path, maxminddb.MODE_MEMORY)
        except Exception as error:  # noqa: BLE001 - a damaged file raises what its bytes lead to
            self._reader = None
            self._failure = f"the database of places {self._path.name} cannot be read"
            told = describe_error(error)
            self._log.error("%s: %s; geo knows nothing until it can", self._failure, told)
            return
        self._reader, self._lack = reader, _lack(self._path.name, reader)
        if self._lack:
            self._log.error("%s; geo knows nothing by it", self._lack)
        else:
            self._log.info("read the database of places %s", self._path)

    def _found(self, address: str) -> Located:
        parsed = parse_address(address)
        place = _place(self._reader, parsed) if parsed is not None and self._reader else None
        if place is not None:
            return Located(place, "")
        unknown = f"no place is known for {address or 'a client without address'}"
        return Located(None, self._lack or unknown)


def _record(reader: Reader, address: Address) -> Mapping[str, Any]:
    """What the file says of *address*; nothing where its bytes are damaged."""
    with suppress(Exception):
        record = reader.get(address)
        if isinstance(record, dict):
            return cast("dict[str, Any]", record)
    return {}


def _place(reader: Reader, address: Address) -> Location | None:
    with suppress(LookupError, TypeError, ValidationError):
        place = _record(reader, address)["location"]
        return Location(latitude=place["latitude"], longitude=place["longitude"])
    return None


def _lack(name: str, reader: Reader) -> str:
    """That the file has no places, in words; empty when it has some, or may have."""
    found = [record for address in SAMPLE if (record := _record(reader, address))]
    kind = _kind(reader)
    if any("location" in record for record in found) or not (found or PLACELESS.search(kind)):
        return ""
    return (
        f"the database {name} holds no places: it is of the type {kind[:SHOWN]!r}, and geo needs "
        "one with a location, such as GeoLite2-City"
    )


def _kind(reader: Reader) -> str:
    with suppress(Exception):
        return str(reader.metadata().database_type)
    return "unknown"


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
