"""Where in the world an address is, by a MaxMind database that the operator supplies.

Any `.mmdb` file serves that has a `location` with `latitude` and `longitude`. It is read whole into
memory, so that a file that is cut short while it is used harms nobody, and read again when it has
changed. A file that cannot be read is told once for each state of it; until it can, no address has
a place, and the next method decides.
"""

import logging
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import maxminddb
from pydantic import ValidationError

from services.node_selector.core.facts import Located
from services.node_selector.core.prefixes import Address, parse_address
from shared.documents.node import Location
from shared.runtime.clock import Clock

if TYPE_CHECKING:
    from shared.domain.ids import Instant

LOOK_AGAIN_SECONDS: Final = 1.0
"""A change of the file is seen after so long at the latest."""

REMEMBERED: Final = 16_384

State = tuple[int, int, int] | None
"""What tells one state of a file from another; None when there is none."""


class Reader(Protocol):
    """A database that was read."""

    def get(self, ip_address: Address) -> object: ...


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
        self._failure = ""
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
        try:
            self._reader = cast("Any", maxminddb).open_database(self._path, maxminddb.MODE_MEMORY)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            self._reader = None
            self._failure = f"the database of places {self._path.name} cannot be read"
            self._log.error("%s: %s; geo knows nothing until it can", self._failure, error)
        else:
            self._log.info("read the database of places %s", self._path)

    def _found(self, address: str) -> Located:
        parsed = parse_address(address)
        record: object = None
        if parsed is not None and self._reader is not None:
            # A damaged file may raise whatever its bytes lead to; no client pays for it.
            with suppress(ValueError, TypeError, LookupError, maxminddb.InvalidDatabaseError):
                record = self._reader.get(parsed)
        with suppress(LookupError, TypeError, ValidationError):
            place: dict[str, Any] = cast("Any", record)["location"]
            return Located(Location(latitude=place["latitude"], longitude=place["longitude"]), "")
        return Located(None, f"no place is known for {address or 'a client without address'}")


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
