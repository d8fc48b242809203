"""The clients of a rehearsal: what a line says, and what a wrong one is answered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.rehearsal.population import Person, parsed, read
from shared.domain.errors import BadSettings


def person(heading: str, line: str) -> Person:
    (found,) = parsed(f"{heading}\n{line}\n", "clients.csv")
    return found


def test_an_address_is_enough() -> None:
    assert person("address", "192.0.2.7") == Person("192.0.2.7")


def test_everything_that_may_be_said_is_read() -> None:
    heading = "address,utc_offset,latitude,longitude,clients,latency:berlin, latency:tokyo"
    found = person(heading, "2001:db8::7,+05:30,19.1,72.9,40,81.5,")
    assert found == Person("2001:db8::7", 330, (19.1, 72.9), 40, {"berlin": 81.5})


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        ("", None),
        ("-03:30", -210),
        ("+14:00", 840),
        ("120", 120),
        ("-60", -60),
        ("+5", 300),
        ("-3", -180),
        ("5.5", 330),
        ('"5,75"', 345),
        ("0", 0),
        ("05:30", 330),
        ("5:30:00", 330),
        ("-12:00", -720),
        ("+840", 840),
    ],
)
def test_an_offset_is_a_clock_or_minutes(cell: str, minutes: int | None) -> None:
    assert person("address,utc_offset", f"192.0.2.7,{cell}").utc_offset_minutes == minutes


def test_what_the_site_is_told_is_what_was_read() -> None:
    heading = "address,utc_offset,latitude,longitude,clients,latency:berlin"
    body = person(heading, "192.0.2.7,60,52.5,13.4,2,9").as_client()
    assert body.model_dump(mode="json", exclude_unset=True) == {
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
        parsed("address\n", "clients.csv")


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


AS_WRITTEN = {
    "semicolons": "address;latitude;longitude\n192.0.2.7;52,5;13,4\n",
    "tabs": "address\tlatitude\tlongitude\n192.0.2.7\t52.5\t13.4\n",
    "a first line that says so": "sep=;\r\nADDRESS;LATITUDE;LONGITUDE\r\n192.0.2.7;52,5;13,4\r\n",
    "the same in quotes": '"sep=;"\naddress;latitude;longitude\n192.0.2.7;52,5;13,4\n',
    "quotes": '"Address","Latitude","Longitude"\n"192.0.2.7","52,5","13,4"\n',
    "carriage returns": "address,latitude,longitude\r192.0.2.7,52.5,13.4\r",
    "empty rows": "\naddress,latitude,longitude\n192.0.2.7,52.5,13.4\n,,\n\n,,,,\n",
    "empty columns": "address,latitude,longitude,,\n192.0.2.7,52.5,13.4,,\n",
    "no end of the last line": "address,latitude,longitude\n192.0.2.7,52.5,13.4",
    "a mapped address": "address,latitude,longitude\n::ffff:192.0.2.7,52.5,13.4\n",
}


@pytest.mark.parametrize("text", AS_WRITTEN.values(), ids=AS_WRITTEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_way_of_spreadsheets_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    file = tmp_path / "clients.csv"
    file.write_bytes(text.encode(encoding))

    assert read(file) == [Person("192.0.2.7", None, (52.5, 13.4))]


def test_the_name_of_a_node_is_lower_case_as_all_are() -> None:
    assert person("ADDRESS;LATENCY:Berlin", "192.0.2.7;1,5").latencies_ms == {"berlin": 1.5}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('address\n192.0.2.7\n"192.0.2.8\n192.0.2.9\n', ", line 3: a quote that begins in it is"),
        ('sep=;\naddress;clients\n"192.0.2.7";"1\n', ", line 3: a quote that begins in it is"),
        ('address,clients\n"192.0.2.7"x,1\n', ", line 2: something follows a closing quote"),
        (f"address\n{'1' * 200_000}\n", ", line 2: a cell is longer than 131,072 characters"),
        ("address\n192.0.2.7\n192.\0.2.7\n", ", line 3: it holds the character NUL"),
        ("sep=|\naddress\n192.0.2.7\n", ", line 1: cells are apart by ',', ';' or a tab, not by"),
        ("address\n\n192.0.2.7\nberlin\n", ", line 4: 'berlin' does not appear to be an IPv4"),
        ("address\nfe80::1%eth0\n", ", line 2: 'fe80::1%eth0' does not appear"),
        ("address;utc_offset\n192.0.2.7;+900\n", ", line 2: '+900' is no offset like"),
        ("address;utc_offset\n192.0.2.7;+14:30\n", ", line 2: '+14:30' is no offset from"),
        ("address;utc_offset\n192.0.2.7;5,001\n", ", line 2: '5,001' is no offset in whole"),
        ("address;utc_offset\n192.0.2.7;1e999\n", ", line 2: '1e999' is no offset like"),
        ("address;latency:a\n192.0.2.7;1,234\n", ", line 2: '1,234' may be a thousand or a"),
        ("address;clients\n192.0.2.7;1.000\n", ", line 2: '1.000' is no number of clients"),
        (f"address;clients\n192.0.2.7;{'9' * 5_000}\n", ", line 2: '9999"),
        ("address;latitude;longitude\n192.0.2.7;1.234,5;1\n", ", line 2: '1.234,5' is no latitude"),
        ("address\u0001\n192.0.2.7\n", " has no column address"),
        ("address,a\nb\n", " has a column 'a'"),
        ("", " has no column address"),
        ("sep=;", " has no column address"),
    ],
)
def test_what_no_spreadsheet_means_is_one_sentence_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        parsed(text, "clients.csv")
    assert refused.value.message.startswith(f"clients.csv{sentence}")
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 250


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xfe\xff\xd8\x00", b"address\n\xff\n"])
def test_another_encoding_is_told_with_its_cure(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "clients.csv"
    file.write_bytes(data)
    with pytest.raises(BadSettings, match="save it as CSV UTF-8"):
        read(file)


def test_a_folder_holds_no_clients(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        read(tmp_path)


CELLS = st.text("ads:;,\t\"'\r\n0159.+-= \0é", max_size=40)


@given(CELLS | CELLS.map(lambda rest: f"address;utc_offset;clients\n192.0.2.7;{rest}"))
def test_any_text_is_people_or_one_sentence(text: str) -> None:
    sentence = ""
    try:
        assert parsed(text, "clients.csv")
    except BadSettings as refused:
        sentence = refused.message
    assert "\n" not in sentence
