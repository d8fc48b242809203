# pyright: reportPrivateUsage=false
"""Files: a person's profile and site, a service's folder, a spreadsheet, a database of places."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from clients.events.keys import read_keys
from clients.files.site_file import read_documents
from clients.rehearsal.population import read_population
from clients.session.credentials import load_credentials
from clients.session.latencies import load_measurements
from clients.site.profile import Profile
from services.config.repair.founding import _object
from services.node_selector.placement.geo_database import GeoDatabase
from services.relay.control.files import DirectoryFile, RelayFile
from shared.domain.ids import SessionId
from shared.domain.runs import Run
from stack.layout import plan
from stack.layout import read as read_layout
from tests.fakes.site import StillClock
from tools.fuzz.held import file_of
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts
from tools.fuzz.targets.log import DOCUMENT, POSITION

SITE = "https://site"


@cache
def _folder() -> Path:
    """A folder of this process, in memory where there is such a place; profiles are read there."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    made = tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    os.environ["MERIDIAN_HOME"] = made
    (Path(made) / "sessions").mkdir()
    return Path(made)


def _own(data: bytes) -> object:
    """A file of the program's own, by its name."""
    which, body = parts(data, 2)
    folder = _folder()
    name = NAMES.get(which, "profile.json")
    if which == b"missing":
        return _missing(folder)
    (folder / name).write_bytes(body)
    directory = DirectoryFile(folder)
    readers: dict[bytes, Callable[[], object]] = {
        b"latencies": lambda: load_measurements(SITE).facts(0.0),
        b"credentials": lambda: load_credentials(SessionId("7")),
        b"keys": lambda: read_keys(folder / name),
        b"relay": RelayFile(folder).load,
        b"directory": lambda: (directory.read_if_changed(), directory.read_if_changed()),
        b"layout": lambda: read_layout(folder),
        b"founding": lambda: _object(folder / name),
        b"run": lambda: Run.decode(body).after(Run.decode(body)),
        b"site": lambda: Profile.load("https://a, https://b/,"),
    }
    found = readers.get(which, Profile.load)()
    if which == b"latencies" and not found:
        raise Dropped("missing_facts")
    return found


def _missing(folder: Path) -> object:
    """What stands for a file that was never written."""
    for name in (*NAMES.values(), "profile.json"):
        (folder / name).unlink(missing_ok=True)
    there = (RelayFile(folder).load(), DirectoryFile(folder).read_if_changed(), read_layout(folder))
    return there, Profile.load(), load_measurements(SITE), _object(None)


NAMES = {
    b"latencies": "latencies.json",
    b"credentials": "sessions/7.json",
    b"keys": "keys.json",
    b"relay": "relay.json",
    b"directory": "snapshot.json",
    b"layout": "site.json",
    b"founding": "nodes.json",
}


def _own_corpus() -> Iterable[bytes]:
    known = {
        "measured_at": 1.0,
        "good_for_seconds": 60,
        "seen_from": "a",
        "latencies_ms": {"berlin": 1.5},
        "last_node": "berlin",
    }
    profile = {"gateways": [SITE], "ca_file": "", "token": "t", "user": "rita"}
    yield from after(b"profile", varied(profile))
    yield from (joined(b"site", encoded(profile)), joined(b"missing"))
    yield from after(b"latencies", varied({SITE: known}))
    run = {"service": "relay", "pid": 7, "boot_id": "b", "version": "1", "started_unix_ms": 1}
    yield from after(b"run", varied({**run, "restarts": 1, "starts": [1, 2]}))
    yield from after(
        b"credentials", varied({"session": "7", "endpoint_token": "t", "expires_unix_ms": 1})
    )
    yield from after(b"keys", varied({"alpha": "AAEC"}))
    yield from after(b"relay", varied({"closed": {"7": 1}, "draining": False, "epoch": 3}))
    yield from after(b"founding", varied({"site": {}}))
    yield from after(b"layout", varied(_layout()))
    site = {**DOCUMENT, "kind": "site", "id": "site", "body": {"name": "s"}}
    node = {**DOCUMENT, "body": {"role": "traffic", "region": "eu"}}
    snapshot = {"type": "meridian/snapshot/v1", "position": POSITION, "documents": [site, node]}
    for each in varied(snapshot):
        signed = {"body": each.decode("utf-8", "replace"), "signer": "alpha", "signature": "00"}
        yield joined(b"directory", encoded(signed))
    yield from after(b"directory", varied({"body": "{}", "signer": "alpha", "signature": "00"}))


@cache
def _layout() -> dict[str, Any]:
    ports = iter(range(1_000, 2_000))
    layout = plan("site", _folder(), 1_000, lambda: next(ports))
    layout.write()
    site: dict[str, Any] = json.loads((_folder() / "site.json").read_bytes())
    site["nodes"] = site["nodes"][:1]
    return site


def _yaml(data: bytes) -> object:
    return read_documents(file_of(data, "site.yaml"))


YAML = (
    b"site: {name: support.example.com}\nnodes:\n  berlin: {role: traffic, region: eu}\n",
    b"nodes: {a: {role: traffic, region: eu, timezone: Europe/Berlin}}\n",
    b"users:\n  rita: {role: representative, password: '007'}\nteams: {desk: {}}\n",
    b"nodes:\n  a: &n {role: traffic, region: eu, draining: true}\n  b: {<<: *n, region: us}\n",
    b"nodes:\n  a: {role: traffic, region: eu, location: {latitude: 1e3, longitude: .5}}\n",
    b"users: {rita: {role: administrator, password: [x]}}\n",
    b"users: {rita: {role: administrator, password_file: missing}}\n",
    b"users: {rita: {role: administrator, password: ~, disabled: maybe}}\n",
    b"nodes: {a: {role: traffic, region: null, draining: 'true'}}\n",
    *(b"", b"- a\n", b"other: {}\n", b"nodes: []\n", b"nodes: {a: 1}\n", b"a: b: c\n", b"\xff"),
    *(
        b"\xef\xbb\xbfsite: {}\n",
        b"a: 1\n---\nb: 2\n",
        b"a: *b\n",
        b"? [a]\n: b\n",
        b"a: !x 1\n",
    ),
    *(
        b"a: !!str 1\n",
        b"a: 1\na: 2\n",
        b"a: \x00\n",
        b"%YAML 9.9\n---\na: 1\n",
        b"a: '\n",
        b"\t",
    ),
    *(
        b"[" * 500,
        b"{a: " * 500,
        b"<<: 1\n",
        b"<<: [{a: 1}, 2]\n",
        b"a: &x [*x]\n",
        b'a: "\\U99999999"\n',
    ),
    b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(7)
    ),
    b"a: &a [x]\n" + b"".join(b"b%d: &a [*a]\n" % n for n in range(80)),
    b"site: {status_history: {days: " + b"9" * 40 + b"}}\n",
    b"site: {name: x, unknown: 1}\n",
    b"public_sites: {help: {hostnames: ['a..b'], teams: [desk]}}\n",
    b"webhooks: {w: {url: 'http://h:99999/', events: ['>']}}\n",
    b"a: |\n  text\n  more\n",
    b"nodes: {a: {role: traffic, region: eu, draining: " + b"x" * 300 + b"}}\n",
    b'nodes: {a: {"\\x01": 1}}\n',
    b"nodes: {a: {role: traffic, region: eu, location: {latitude: '1', longitude: 1}}}\n",
    b"nodes: {a: {role: traffic, region: eu, location: {latitude: x, longitude: 1}}}\n",
    b"nodes: {a: {role: traffic, region: eu, location: {latitude: , longitude: 1}}}\n",
    b"nodes: {a: {role: traffic, region: eu, public_address: {host: h, port: 0x1f}}}\n",
    b"nodes: {a: {role: traffic, region: eu, public_address: {host: h, port: 0o17}}}\n",
    b"nodes: {a: {role: traffic, region: eu, public_address: {host: h, port: x}}}\n",
    b"site: {session: {idle_seconds: x}}\n",
    b"%TAG ! tag:x,2000:\n---\na: !y 1\n",
    b"a: 2001-01-01\nb: 1:30\n",
)


def _csv(data: bytes) -> object:
    return read_population(file_of(data, "clients.csv"))


CSV_HEAD = b"address,utc_offset,latitude,longitude,clients,latency:berlin\n"
CSV_ROWS = (
    *(
        b"198.51.100.7,+05:30,52.5,13.4,3,12.5\n",
        b"2001:db8::1,,,,,\n",
        b"x,,,,,\n",
        b"198.51.100.7\n",
    ),
    *(
        b"198.51.100.7,5,,,,\n",
        b"198.51.100.7,-330,,,,\n",
        b"198.51.100.7,x,,,,\n",
        b"198.51.100.7,99,,,,\n",
    ),
    *(b"198.51.100.7,5.51,,,,\n", b"198.51.100.7,15:00,,,,\n", b"198.51.100.7,-05:00,,,,\n"),
    *(
        b"198.51.100.7,,91,0,,\n",
        b"198.51.100.7,,1,,,\n",
        b"198.51.100.7,,,,0,\n",
        b"198.51.100.7,,,,x,\n",
    ),
    *(b"198.51.100.7,,,,,nan\n", b'198.51.100.7,,,,,"1,234"\n', b'198.51.100.7,,,,,"1,5"\n'),
    *(
        b"198.51.100.7,,,,,1,too many\n",
        b'"198.51.100.7\n',
        b'"a"b,,\n',
        b"\n\n",
        b"\x00\n",
        b"\xff\n",
    ),
    *(b"::ffff:198.51.100.7,,,,,\n", b"fe80::1%eth0,,,,,\n", b"a\rb,\n"),
)
CSV_FILES = (
    *(
        b"",
        b"\n",
        CSV_HEAD,
        b"address\n",
        b"name\n",
        b"address,address\n198.51.100.7\n",
        b"address,extra\n",
    ),
    *(
        b"sep=;\naddress;clients\n198.51.100.7;3\n",
        b"sep=|\naddress\n",
        b"ADDRESS;clients;;\n198.51.100.7;2\n",
    ),
    *(
        "address\n198.51.100.7\n".encode("utf-16"),
        b"\xff\xfea",
        b"\xef\xbb\xbfaddress\r198.51.100.7\r",
    ),
    b"address\n" + b"x" * 140_000 + b"\n",
    b"address\tclients\n198.51.100.7\t1\n",
    b'"sep=;"\r\naddress;clients\r\n198.51.100.7;\r\n',
    b"sep=;\raddress\r198.51.100.7\r",
    b'address\n"a\nb\x00\n',
)


def _places(data: bytes) -> object:
    path = _folder() / "places.mmdb"
    path.write_bytes(data)
    places = GeoDatabase(path, StillClock())
    found = [places.locate(each) for each in ("198.51.100.7", "8.8.8.8", "2001:db8::1", "x", "")]
    if all(each.location is None for each in found):
        raise Dropped("no_place")
    return found


def _places_corpus() -> Iterable[bytes]:
    berlin = {"location": {"latitude": 52.5, "longitude": 13.4}}
    made: tuple[tuple[str, Any], ...] = (
        ("Test-City", berlin),
        ("Test-ASN", {"asn": 1}),
        ("Test-Country", {"country": "DE"}),
        ("Test-City", {"location": "Berlin"}),
        ("Test-City", {"location": {"latitude": "x", "longitude": []}}),
    )
    for kind, record in made:
        writer = MMDBWriter(4, kind, languages=["en"], float_type="f64")
        writer.insert_network(IPSet(["198.51.100.0/24"]), record)
        path = _folder() / "made.mmdb"
        writer.to_db_file(str(path))
        whole = path.read_bytes()
        yield whole
        yield from (whole[:-20], whole[100:], whole[:200] + b"\xff" * 40 + whole[240:])
        for at in range(len(whole) - 250, len(whole), 4):
            yield whole[:at] + b"\xff" + whole[at + 1 :]
    yield from (b"", b"\xab\xcd\xefMaxMind.com", b"no database")
    yield b"\xab\xcd\xefMaxMind.com" + b"\xe1" * 2_000
    yield b"\xab\xcd\xefMaxMind.com\xe1\x41a\x20\x00"


TARGETS = (
    Target(
        "files.own",
        _own,
        _own_corpus,
        (
            *(
                "clients.site.profile:Profile.load",
                "clients.site.profile:_profile",
                "clients.session.credentials:load_credentials",
            ),
            *(
                "clients.session.latencies:load_measurements",
                "clients.session.latencies:_read",
                "clients.session.latencies:_decode",
            ),
            *("clients.events.keys:read_keys", "services.relay.control.files:RelayFile.load"),
            *(
                "services.relay.control.files:DirectoryFile.read_if_changed",
                "services.relay.control.files:_read_directory",
            ),
            *("stack.layout:read", "services.config.repair.founding:_object"),
            *("shared.decoding.model:read_model", "shared.domain.runs:Run.decode"),
        ),
        frozenset(
            {
                "bad_settings",
                "missing_facts",
                "start_failed",
                "bad_shape",
                "bad_syntax",
                "not_text",
                "number_out_of_range",
                "too_deep",
            }
        ),
        slow="each input is written to a file",
        beside=("home",),
    ),
    Target(
        "files.yaml",
        _yaml,
        lambda: YAML,
        (
            *(
                "clients.files.site_file:read_documents",
                "clients.files.yaml_tree:parse",
                "clients.files.yaml_values:_scalar",
            ),
            *("clients.files.yaml_values:_integer", "clients.files.yaml_values:YamlReader.members"),
            "clients.files.yaml_values:text_or_none",
        ),
        frozenset({"bad_settings"}),
        slow="the library's parser is Python, a character at a time",
    ),
    Target(
        "files.csv",
        _csv,
        lambda: (*(CSV_HEAD + row for row in CSV_ROWS), *CSV_FILES),
        (
            *(
                "clients.rehearsal.population:read_population",
                "clients.rehearsal.population:_offset",
            ),
            *("clients.rehearsal.population:_parse_offset", "clients.rehearsal.population:_count"),
            *("clients.rehearsal.population:_number", "clients.rehearsal.spreadsheet:decode_text"),
            "clients.rehearsal.spreadsheet:read_rows",
        ),
        frozenset({"bad_settings"}),
    ),
    Target(
        "files.places",
        _places,
        _places_corpus,
        ("services.node_selector.placement.geo_database:GeoDatabase.locate",),
        frozenset({"no_place"}),
        slow="each input is written to a file, and looked up more than 200 times",
    ),
)
