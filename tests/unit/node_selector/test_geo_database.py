"""Where addresses are, by a database of places that is whole, changed, damaged or gone."""

import logging
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from services.node_selector.placement.geo_database import GeoDatabase, NoGeoDatabase
from shared.documents.node import Location
from shared.domain.ids import Instant, UnixMillis

BERLIN = {"location": {"latitude": 52.5, "longitude": 13.4}}
TOKYO = {"location": {"latitude": 35.7, "longitude": 139.7}}


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> Instant:
        return Instant(self.seconds)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(0)


def write(
    path: Path, record: Any = BERLIN, *, kind: str = "Test-City", network: str = "198.51.100.0/24"
) -> None:
    writer = MMDBWriter(4, kind, languages=["en"], float_type="f64")
    writer.insert_network(IPSet([network]), record)
    fresh = path.with_suffix(".new")
    writer.to_db_file(str(fresh))
    fresh.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "places.mmdb")
    return tmp_path / "places.mmdb"


def test_an_address_has_the_place_that_the_file_says(path: Path) -> None:
    found = GeoDatabase(path, HandClock()).locate("198.51.100.7")
    assert found.location == Location(latitude=52.5, longitude=13.4)


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8::1", "nowhere", "198.51.100.7.1"])
def test_an_address_that_is_not_in_the_file_has_none(path: Path, address: str) -> None:
    found = GeoDatabase(path, HandClock()).locate(address)
    assert found.location is None
    assert found.failure == f"no place is known for {address}"


@pytest.mark.parametrize(
    "record",
    [
        {"country": "DE"},
        {"location": "Berlin"},
        {"location": {"latitude": 52.5}},
        {"location": {"latitude": 91.0, "longitude": 0.0}},
    ],
)
def test_a_record_without_a_place_on_earth_has_none(path: Path, record: Any) -> None:
    write(path, record)
    assert GeoDatabase(path, HandClock()).locate("198.51.100.7").location is None


def test_a_file_that_changed_is_read_again_within_a_second(path: Path) -> None:
    clock = HandClock()
    places = GeoDatabase(path, clock)
    places.locate("198.51.100.7")
    write(path, TOKYO)
    clock.seconds += 1
    found = places.locate("198.51.100.7")
    assert found.location == Location(latitude=35.7, longitude=139.7)


def test_a_missing_file_is_reported_once_and_read_when_it_comes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    clock = HandClock()
    places = GeoDatabase(path, clock)
    with caplog.at_level(logging.ERROR, "meridian.places"):
        for _ in range(3):
            assert places.locate("198.51.100.7").failure == (
                "the database of places places.mmdb cannot be read"
            )
            clock.seconds += 2
    assert len(caplog.records) == 1
    assert "No such file" in caplog.text
    write(path)
    assert places.locate("198.51.100.7").location is not None


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_a_file_that_was_cut_short_harms_nobody(path: Path, keep: int) -> None:
    clock = HandClock()
    places = GeoDatabase(path, clock)
    assert places.locate("198.51.100.7").location is not None
    path.write_bytes(path.read_bytes()[:keep])
    assert places.locate("198.51.100.7").location is not None, "not looked at yet"
    clock.seconds += 1
    assert places.locate("198.51.100.7").location is None


def test_any_damage_is_a_place_that_is_not_known(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        GeoDatabase(path, HandClock()).locate("198.51.100.7")


def test_without_a_file_nothing_is_known_and_that_is_reported() -> None:
    assert NoGeoDatabase().locate("198.51.100.7").failure == "no database of places is configured"


ASN = {"autonomous_system_number": 64_500}
COUNTRY = {"country": {"iso_code": "DE"}}


@pytest.mark.parametrize(
    ("record", "kind", "network"),
    [
        (ASN, "GeoLite2-ASN", "198.51.100.0/24"),
        (ASN, "DBIP-ASN-Lite", "0.0.0.0/1"),
        (COUNTRY, "GeoLite2-Country", "198.51.100.0/24"),
        (COUNTRY, "Our-Networks", "0.0.0.0/1"),
        ("text", "GeoIP2-Connection-Type", "0.0.0.0/1"),
    ],
)
def test_a_database_without_places_is_reported_as_one(
    path: Path, caplog: pytest.LogCaptureFixture, record: Any, kind: str, network: str
) -> None:
    write(path, record, kind=kind, network=network)
    places = GeoDatabase(path, HandClock())
    with caplog.at_level(logging.INFO, "meridian.places"):
        found = [places.locate(address) for address in ("198.51.100.7", "203.0.113.1", "8.8.8.8")]

    sentence = f"the database places.mmdb holds no places: it is of the type '{kind}', and geo"
    assert all(each.location is None and each.failure.startswith(sentence) for each in found)
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert sentence in caplog.text


def test_a_database_with_some_places_is_believed_whatever_it_is_called(path: Path) -> None:
    write(path, BERLIN, kind="Our-Country-ISP", network="8.0.0.0/8")

    found = GeoDatabase(path, HandClock()).locate("203.0.113.1")

    assert found.failure == "no place is known for 203.0.113.1"


def test_no_damage_of_any_byte_leaves_the_database(path: Path) -> None:
    """Every byte, to three values: the library raises RecursionError, KeyError and others."""
    whole = path.read_bytes()
    for at in range(len(whole)):
        for value in (0x00, 0x3F, 0xFF):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            found = GeoDatabase(path, HandClock()).locate("198.51.100.7")
            assert (found.location is None) == bool(found.failure)


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"PK\x03\x04" * 100, b"\xab\xcd\xefMaxMind.com"])
def test_what_is_no_database_is_reported_as_unreadable(
    path: Path, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    path.write_bytes(data)
    with caplog.at_level(logging.ERROR, "meridian.places"):
        found = GeoDatabase(path, HandClock()).locate("198.51.100.7")

    assert found.failure == "the database of places places.mmdb cannot be read"
    assert len(caplog.records) == 1
