"""How the site's address is led, as an administrator writes it."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from shared.documents.body import WRITING
from shared.documents.redirection import Redirection, RedirectionMethod
from shared.documents.site import SiteDocument


def written(body: Mapping[str, object]) -> Redirection:
    return Redirection.model_validate(body, context=WRITING)


def test_a_site_that_says_nothing_redirects_nothing() -> None:
    assert SiteDocument(name="x").redirection.method is RedirectionMethod.NONE


def test_a_hook_may_be_a_web_address() -> None:
    url = "https://router.example.com/redirect"
    found = written({"method": "hook", "hook": {"webhook_url": url}})

    assert found.hook.webhook_url == url


@pytest.mark.parametrize("url", ["router.example.com", "ftp://router", "https://", "file:///x"])
def test_what_is_no_web_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValidationError, match=r"use an address like https://router\.example\.com"):
        written({"method": "hook", "hook": {"webhook_url": url}})


@pytest.mark.parametrize("seconds", [0, -1, 301])
def test_an_attempt_takes_some_time_and_no_more_than_five_minutes(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Redirection(time_limit_seconds=seconds)


def test_a_command_is_no_part_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match="command"):
        written({"method": "hook", "hook": {"command": "/bin/sh"}})


DNS = {
    "server": "ns.example.com",
    "zone": "example.com",
    "name": "Support.example.com.",
    "addresses": {"alpha": ["192.0.2.1"], "bravo": ["192.0.2.2", "2001:DB8::2"]},
}


def test_a_name_and_addresses_are_kept_in_one_form() -> None:
    found = written({"method": "dns", "dns": DNS}).dns

    assert found is not None
    assert found.name == "support.example.com"
    assert found.addresses["bravo"] == ("192.0.2.2", "2001:db8::2")


def test_the_method_dns_without_its_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="the method dns needs dns: server, zone, name"):
        written({"method": "dns"})


def test_a_name_outside_its_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"does not lie in the zone example\.com"):
        written({"method": "dns", "dns": {**DNS, "name": "badexample.com"}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "support..example.com"},
        {"name": "a" * 64 + ".example.com"},
        {"name": "-.example.com"},
        {"addresses": {"alpha": ["192.0.2.256"]}},
        {"addresses": {"alpha": []}},
        {"port": 0},
        {"ttl_seconds": -1},
    ],
)
def test_what_cannot_stand_in_a_zone_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        written({"method": "dns", "dns": {**DNS, **wrong}})


def test_a_shared_address_has_a_network() -> None:
    wished = {"method": "shared_ip", "shared_ip": {"address": "192.0.2.10/24"}}
    found = written(wished).shared_ip

    assert found is not None
    assert (found.address, found.interface) == ("192.0.2.10/24", "")


def test_the_method_shared_ip_without_its_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="the method shared_ip needs shared_ip: address"):
        written({"method": "shared_ip"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "192.0.2.10"},
        {"address": "192.0.2.10/33"},
        {"address": "2001:db8::1/64"},
        {"address": "192.0.2.10/24", "interface": "../eth0"},
        {"address": "192.0.2.10/24", "interface": "a name too long"},
    ],
)
def test_what_is_no_address_or_interface_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        written({"method": "shared_ip", "shared_ip": wrong})
