"""Locates addresses by a MaxMind database that the operator supplies.

Any `.mmdb` file serves that has a `location` with `latitude` and `longitude`; a database of
countries or of providers has none, which the log and the explanations say. The file is read whole
into memory, so that truncating it while it is used does no harm, and read again when it has
changed. An unreadable file is logged once for each state of it; until it is readable, no address
has a place, and the next method decides.
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

from services.node_selector.core.facts import AddressLocation
from services.node_selector.core.prefixes import Address, parse_address
from shared.documents.node import Location
from shared.domain.containment import describe_error
from shared.runtime.clock import Clock

if TYPE_CHECKING:
    from shared.domain.ids import Instant

CHECK_SECONDS: Final = 1.0
"""The file is checked for changes this often at most."""

MOST_CACHED: Final = 16_384
SHOWN: Final = 60

SAMPLE: Final = tuple(IPv4Address((first << 24) | 0x080808) for first in range(1, 224))
"""An address of each large network: a database of the world knows most of them."""

WITHOUT_PLACES: Final = re.compile(r"ASN|ISP|Country|Connection|Domain|Anonymous", re.IGNORECASE)
"""Types of databases that are sold without places."""

State = tuple[int, int, int] | None
"""What tells one state of a file from another; None when there is none."""


class GeoReader(Protocol):
    """A database that was read."""

    def get(self, ip_address: Address) -> object: ...

    def metadata(self) -> Any: ...


class NoGeoDatabase:
    """Locates no address: there is no database."""

    def locate(self, address: str) -> AddressLocation:
        del address
        return AddressLocation()


class GeoDatabase:
    """Locates addresses by one file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._log = logging.getLogger("meridian.places")
        self._checked_at: Instant | None = None
        self._state: State = None
        self._reader: GeoReader | None = None
        self._failure = self._missing = ""
        self._look_up_cached = lru_cache(MOST_CACHED)(self._look_up)

    def locate(self, address: str) -> AddressLocation:
        """Return the place of *address*, or why it is unknown; it never raises."""
        self._reload_if_changed()
        if self._reader is None:
            return AddressLocation(None, self._failure)
        return self._look_up_cached(address)

    def _reload_if_changed(self) -> None:
        now = self._clock.now()
        if self._checked_at is not None and now - self._checked_at < CHECK_SECONDS:
            return
        state = _state(self._path)
        if self._checked_at is None or state != self._state:
            self._state = state
            self._read()
        self._checked_at = now

    def _read(self) -> None:
        self._look_up_cached.cache_clear()
        self._missing = ""
        try:
            reader = cast("Any", maxminddb).open_database(self._path, maxminddb.MODE_MEMORY)
        except Exception as error:  # noqa: BLE001 - a damaged file raises what its bytes lead to
            self._reader = None
            self._failure = f"the database of places {self._path.name} cannot be read"
            cause = describe_error(error)
            self._log.error("%s: %s; geo knows nothing until it can", self._failure, cause)
            return
        self._reader, self._missing = reader, _missing(self._path.name, reader)
        if self._missing:
            self._log.error("%s; geo knows nothing by it", self._missing)
        else:
            self._log.info("read the database of places %s", self._path)

    def _look_up(self, address: str) -> AddressLocation:
        parsed = parse_address(address)
        place = _place(self._reader, parsed) if parsed is not None and self._reader else None
        if place is not None:
            return AddressLocation(place, "")
        unknown = f"no place is known for {address or 'a client without address'}"
        return AddressLocation(None, self._missing or unknown)


def _record(reader: GeoReader, address: Address) -> Mapping[str, Any]:
    """Read what the file says of *address*; nothing where its bytes are damaged."""
    with suppress(Exception):
        record = reader.get(address)
        if isinstance(record, dict):
            return cast("dict[str, Any]", record)
    return {}


def _place(reader: GeoReader, address: Address) -> Location | None:
    with suppress(LookupError, TypeError, ValidationError):
        place = _record(reader, address)["location"]
        return Location(latitude=place["latitude"], longitude=place["longitude"])
    return None


def _missing(name: str, reader: GeoReader) -> str:
    """Say that the file has no places; empty when it has some, or may have."""
    found = [record for address in SAMPLE if (record := _record(reader, address))]
    kind = _kind(reader)
    if any("location" in record for record in found) or not (found or WITHOUT_PLACES.search(kind)):
        return ""
    return (
        f"the database {name} holds no places: it is of the type {kind[:SHOWN]!r}, and geo needs "
        "one with a location, such as GeoLite2-City"
    )


def _kind(reader: GeoReader) -> str:
    with suppress(Exception):
        return str(reader.metadata().database_type)
    return "unknown"


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
