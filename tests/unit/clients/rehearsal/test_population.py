"""The clients of a rehearsal: what a line says, and what a wrong one is answered."""

from pathlib import Path

import pytest

from clients.rehearsal.population import Person, parsed, read
from shared.domain.errors import BadSettings


def person(heading: str, line: str) -> Person:
    (found,) = parsed([f"{heading}\n", f"{line}\n"], "clients.csv")
    return found


def test_an_address_is_enough() -> None:
    assert person("address", "192.0.2.7") == Person("192.0.2.7")


def test_everything_that_may_be_said_is_read() -> None:
    heading = "address,utc_offset,latitude,longitude,clients,latency:berlin, latency:tokyo"
    found = person(heading, "2001:db8::7,+05:30,19.1,72.9,40,81.5,")
    assert found == Person("2001:db8::7", 330, (19.1, 72.9), 40, {"berlin": 81.5})


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [("", None), ("-03:30", -210), ("+14:00", 840), ("120", 120), ("-60", -60)],
)
def test_an_offset_is_a_clock_or_minutes(cell: str, minutes: int | None) -> None:
    assert person("address,utc_offset", f"192.0.2.7,{cell}").utc_offset_minutes == minutes


def test_what_the_site_is_told_is_what_was_read() -> None:
    heading = "address,utc_offset,latitude,longitude,clients,latency:berlin"
    body = person(heading, "192.0.2.7,60,52.5,13.4,2,9").as_body()
    assert body == {
        "facts": {
            "address": "192.0.2.7",
            "utc_offset_minutes": 60,
            "latencies_ms": {"berlin": 9.0},
        },
        "location": {"latitude": 52.5, "longitude": 13.4},
        "clients": 2,
    }


@pytest.mark.parametrize(
    ("heading", "line", "sentence"),
    [
        ("addres", "192.0.2.7", "no column address"),
        ("address,offset", "192.0.2.7,60", "a column 'offset'; there are address, utc_offset"),
        ("address,address", "192.0.2.7,192.0.2.8", "the column 'address' twice"),
        ("address", "berlin", "line 2: 'berlin' does not appear to be an IPv4 or IPv6 address"),
        ("address,utc_offset", "192.0.2.7,99h", "'99h' is no offset like"),
        ("address,latitude,longitude", "192.0.2.7,91,0", "'91' is no latitude from -90 to 90"),
        ("address,latitude,longitude", "192.0.2.7,9,", "'' is no longitude"),
        ("address,clients", "192.0.2.7,0", "'0' is no number of clients"),
        ("address,latency:berlin", "192.0.2.7,-1", "'-1' is no latency from 0"),
        ("address,latency:berlin", "192.0.2.7,nan", "'nan' is no latency from 0"),
        ("address", "192.0.2.7,more", "more cells than the heading"),
    ],
)
def test_a_line_that_makes_no_sense_is_told(heading: str, line: str, sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        person(heading, line)
    assert sentence in refused.value.message
    assert refused.value.message.startswith("clients.csv")


def test_a_file_without_clients_is_told() -> None:
    with pytest.raises(BadSettings, match="names no client"):
        parsed(["address\n"], "clients.csv")


def test_a_file_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    file = tmp_path / "clients.csv"
    file.write_bytes("\ufeffaddress,clients\r\n192.0.2.7,3\r\n".encode())
    assert read(file) == [Person("192.0.2.7", clients=3)]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "clients.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSettings, match="cannot be read"):
        read(file)
