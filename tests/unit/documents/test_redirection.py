"""How the site's address is led, as an administrator writes it."""

import pytest
from pydantic import ValidationError

from shared.documents.redirection import Redirection, RedirectionMethod
from shared.documents.site import SiteDocument


def test_a_site_that_says_nothing_redirects_nothing() -> None:
    assert SiteDocument(name="x").redirection.method is RedirectionMethod.NONE


def test_a_hook_may_be_a_web_address() -> None:
    url = "https://router.example.com/redirect"
    found = Redirection.model_validate({"method": "hook", "hook": {"webhook_url": url}})

    assert found.hook.webhook_url == url


@pytest.mark.parametrize("url", ["router.example.com", "ftp://router", "https://", "file:///x"])
def test_what_is_no_web_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValidationError, match=r"use an address like https://router\.example\.com"):
        Redirection.model_validate({"method": "hook", "hook": {"webhook_url": url}})


@pytest.mark.parametrize("seconds", [0, -1, 301])
def test_an_attempt_takes_some_time_and_no_more_than_five_minutes(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Redirection(time_limit_seconds=seconds)


def test_a_command_is_no_part_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match="command"):
        Redirection.model_validate({"method": "hook", "hook": {"command": "/bin/sh"}})
