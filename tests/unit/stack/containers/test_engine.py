"""What the engine answers, read."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields
from shared.domain.errors import BadSettings
from stack.containers.core.facts import Container
from stack.containers.engine import read_container, run
from stack.failure import StartFailed

LABELS = {
    "com.docker.compose.project": "meridian-lisbon",
    "com.docker.compose.service": "relay",
    "com.docker.compose.config-hash": "abc",
    "com.docker.compose.oneoff": "False",
}
INSPECTED: dict[str, Any] = {
    "Name": "/meridian-lisbon-relay-1",
    "Image": "sha256:1",
    "RestartCount": 2,
    "State": {
        "Status": "running",
        "Health": {"Status": "starting", "Log": [{"Output": "first"}, {"Output": "not yet\n"}]},
    },
    "Config": {"Image": "meridian", "Labels": LABELS, "Env": ["MERIDIAN_NODE=lisbon", "PATH=/bin"]},
    "HostConfig": {"PortBindings": {"7443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "7446"}]}},
}


def fields(**members: object) -> Fields:
    return Fields({**INSPECTED, **members}, "docker inspect")  # type: ignore[dict-item]


def test_a_container_is_read_as_the_engine_reports_it() -> None:
    assert read_container(fields()) == Container(
        *("meridian-lisbon", "relay", "meridian-lisbon-relay-1", "abc", "meridian", "sha256:1"),
        *("running", "starting", "not yet\n", 2, "lisbon", 7446),
    )


def test_a_container_without_a_check_a_port_or_variables_is_read() -> None:
    config = {"Image": "nats:2", "Labels": LABELS, "Env": None}
    plain = read_container(
        fields(State={"Status": "exited"}, Config=config, HostConfig={"PortBindings": None})
    )

    assert (plain.status, plain.health, plain.node, plain.port) == ("exited", "", "", 0)


@pytest.mark.parametrize("name", ["Name", "Image", "RestartCount", "State", "Config", "HostConfig"])
def test_what_is_no_container_is_refused(name: str) -> None:
    with pytest.raises(Undecodable, match=name):
        read_container(fields(**{name: 0.5}))


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(BadSettings, match="no-such-docker is missing"):
        run(("no-such-docker", "ps"), Path())


def test_a_command_that_fails_gives_the_end_of_its_output() -> None:
    script = (
        f"import sys; sys.stderr.write({json.dumps(chr(10).join(map(str, range(30))))}); exit(3)"
    )
    with pytest.raises(StartFailed) as failed:
        run(("python3", "-c", script), Path())

    assert failed.value.message.splitlines()[0] == "python3 -c ended with code 3"
    assert failed.value.message.splitlines()[-1] == "    29"
    assert len(failed.value.message.splitlines()) == 13
