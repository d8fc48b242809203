"""The settings of a site in containers, and the address of its ports."""

import re
from pathlib import Path

import pytest

from shared.domain.errors import BadSettings
from stack.containers.core.variables import (
    EVERYWHERE,
    literal_address,
    parse_port,
    publish_address,
    read_settings_file,
)
from stack.containers.settings import Settings

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("NAME=value", {"NAME": "value"}),
        ("export NAME = value ", {"NAME": "value"}),
        ("NAME=", {"NAME": ""}),
        ('NAME="two words" # why', {"NAME": "two words"}),
        ("NAME='#1'", {"NAME": "#1"}),
        ("NAME=value # why", {"NAME": "value"}),
        ("NAME=val#ue", {"NAME": "val#ue"}),
        ("# NAME=value", {}),
        ("", {}),
        ("no settings at all", {}),
    ],
)
def test_a_line_of_the_settings_file_is_read_as_compose_reads_it(
    line: str, found: dict[str, str]
) -> None:
    assert read_settings_file(line) == found


def test_ports_are_published_on_the_address_of_the_sites_host() -> None:
    assert publish_address("127.0.0.1", is_own=True) == "127.0.0.1"
    assert publish_address("192.0.2.7", is_own=True) == "192.0.2.7"
    assert publish_address("localhost", is_own=True) == "127.0.0.1"
    assert publish_address("[2001:db8::7]", is_own=True) == "[2001:db8::7]"


@pytest.mark.parametrize("host", ["support.example.com", "192.0.2.7", "2001:db8::7", "300.1.1.1"])
def test_a_name_and_an_address_of_another_machine_mean_every_address(host: str) -> None:
    assert publish_address(host, is_own=False) == EVERYWHERE


def test_a_name_is_no_literal_address() -> None:
    assert literal_address("support.example.com") is None
    assert literal_address("[::1]") == "::1"


def test_every_published_port_of_the_site_is_on_that_address() -> None:
    extras = ("compose/gateway/docker-compose.yml", "compose/traffic/beside.yml")
    text = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", *extras))
    ports = re.findall(r'"([^"]*)\$\{\w*(?:GATEWAY|RELAY)_PORT:-\d+\}:[78]443"', text)

    assert ports == ["${SITE_ADDRESS-${SITE_HOST:-127.0.0.1}}:"] * 9


def test_the_settings_have_the_defaults_of_the_example() -> None:
    settings = Settings(Path("/site"))

    assert settings.project == "meridian"
    assert settings.secrets == Path("/site/secrets")
    assert settings.gateways == ("https://127.0.0.1:8443", "https://127.0.0.1:8444")


def test_an_empty_variable_counts_as_none() -> None:
    settings = Settings(Path("/site"), {"SITE_HOST": "", "SITE_SECRETS": "/elsewhere"})

    assert settings.host == "127.0.0.1"
    assert settings.secrets == Path("/elsewhere")


def test_a_port_is_asked_for_in_words() -> None:
    assert parse_port("7446", "RELAY_PORT", 7446) == 7446
    for text in ("", "0", "65536", "relay", "-1", "\u0667", "1" * 5000):
        with pytest.raises(BadSettings, match="say RELAY_PORT=7446"):
            parse_port(text, "RELAY_PORT", 7446)
