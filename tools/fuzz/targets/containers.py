# pyright: reportPrivateUsage=false
"""A site in containers: what the engine answers, the record of extras, what a person writes."""

from collections.abc import Iterable
from typing import Any, Final

from stack.containers.core.extras import read_extras
from stack.containers.core.variables import (
    literal_address,
    parse_port,
    publish_address,
    read_settings_file,
)
from stack.containers.engine import read_containers
from tools.fuzz.samples import varied
from tools.fuzz.target import Target, text_of

LABELS: Final = {
    "com.docker.compose.project": "meridian-lisbon",
    "com.docker.compose.service": "relay",
    "com.docker.compose.config-hash": "abc",
    "com.docker.compose.oneoff": "False",
}
CONTAINER: Final[dict[str, Any]] = {
    "Name": "/meridian-lisbon-relay-1",
    "Image": "sha256:1",
    "RestartCount": 2,
    "State": {"Status": "running", "Health": {"Status": "healthy", "Log": [{"Output": "ready"}]}},
    "Config": {"Image": "meridian", "Labels": LABELS, "Env": ["MERIDIAN_NODE=lisbon"]},
    "HostConfig": {"PortBindings": {"7443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7446"}]}},
    "NetworkSettings": {"Networks": {"meridian_default": {}}},
}
EXTRA: Final = {"kind": "gateway", "node": "alpha", "port": 8445}


def _containers(data: bytes) -> object:
    return read_containers(data.decode("utf-8", "replace"), "meridian")


def _containers_corpus() -> Iterable[bytes]:
    yield from varied([CONTAINER])
    one_off = {**LABELS, "com.docker.compose.oneoff": "True"}
    yield from varied([{**CONTAINER, "Config": {**CONTAINER["Config"], "Labels": one_off}}])


def _extras(data: bytes) -> object:
    return read_extras(text_of(data), "extras.json")


def _written(data: bytes) -> object:
    text = text_of(data)
    found = read_settings_file(text)
    address = literal_address(text)
    published = publish_address(text, is_own=address is not None)
    return found, published, parse_port(text, "RELAY_PORT", 7446)


WRITTEN: Final = (
    *(b"7446", b"0", b"65536", b"x", b"", b"9" * 5000),
    *(b"NAME=value", b'export A = "b" # c', b"A='#'", b"# A=b", b"A", b"A=" + b" " * 5000),
    *(b"127.0.0.1", b"[::1]", b"localhost", b"support.example.com", b"fe80::1%eth0", b"\xff"),
)

TARGETS: tuple[Target, ...] = (
    Target(
        "containers",
        _containers,
        _containers_corpus,
        (
            "stack.containers.engine:read_containers",
            "stack.containers.engine:read_container",
            "stack.containers.engine:_is_of",
            "stack.containers.engine:_last_answer",
            "stack.containers.engine:_published_port",
        ),
        frozenset({"bad_shape", "bad_syntax", "number_out_of_range", "not_text", "too_deep"}),
    ),
    Target(
        "extras",
        _extras,
        lambda: varied({"extras": [EXTRA]}),
        ("stack.containers.core.extras:read_extras",),
        frozenset({"bad_settings"}),
    ),
    Target(
        "container settings",
        _written,
        lambda: WRITTEN,
        ("stack.containers.core.variables:parse_port",),
        frozenset({"bad_settings"}),
    ),
)
