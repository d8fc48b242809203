"""What is lost beside living volumes is refused in words; what was interrupted is begun anew."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from stack.containers.core.preparation import (
    SECRETS,
    Belongings,
    Remedy,
    leftovers,
    refusal,
    remedy,
)

ROOT = Path(__file__).resolve().parents[4]
WHOLE = Belongings("meridian", True, "secrets", SECRETS, ("meridian_alpha-nats", "meridian_berlin"))
NEW = replace(WHOLE, volumes=())
FINE = (WHOLE, NEW, replace(NEW, files=()), replace(NEW, has_settings=False))


def test_the_secrets_are_those_that_the_site_s_containers_mount() -> None:
    text = (ROOT / "docker-compose.yml").read_text().rpartition("\nsecrets:\n")[2]

    assert re.findall(r"^  ([\w.-]+): \{file:", text, re.MULTILINE) == list(SECRETS)


@pytest.mark.parametrize("found", FINE)
def test_a_site_that_is_whole_or_new_is_not_refused(found: Belongings) -> None:
    assert refusal(found) is None


def test_lost_secrets_beside_living_volumes_are_refused_with_what_to_do() -> None:
    assert refusal(replace(WHOLE, files=("lisbon.yaml",))) == (
        "the secrets in secrets are missing, but the site's data is there (volume "
        "meridian_alpha-nats and others), which new secrets cannot open: bring that folder back, "
        "or say in .env where it is (SITE_SECRETS)\n"
        "To give that site and its data up: make down VOLUMES=delete"
    )


def test_a_lost_env_beside_living_volumes_is_refused_with_what_to_do() -> None:
    why = refusal(replace(WHOLE, has_settings=False)) or ""

    assert why.startswith(".env is missing, but the site's data is there")
    assert "bring .env back" in why
    assert "cp .env.example .env" in why


@pytest.mark.parametrize("name", SECRETS)
def test_one_lost_file_is_named_before_anything_starts(name: str) -> None:
    files = [each for each in SECRETS if each != name]

    assert f"secrets lacks {name}, but" in (refusal(replace(WHOLE, files=files)) or "")


def test_the_lost_key_of_an_extra_node_is_named() -> None:
    why = refusal(replace(WHOLE, extra_keys=("lisbon.key",))) or ""

    assert "secrets lacks lisbon.key" in why


def test_a_file_lost_before_there_is_any_data_is_named() -> None:
    why = refusal(replace(NEW, files=[each for each in SECRETS if each != "berlin.key"])) or ""

    assert why.startswith("secrets lacks berlin.key: bring them back; or")


def test_a_folder_left_by_an_interruption_is_begun_anew() -> None:
    found = replace(NEW, files=("alpha.key", "site.secret", "lisbon.key"))

    assert refusal(found) is None
    assert remedy(found) is Remedy.MAKE_SECRETS
    assert leftovers(found) == ("alpha.key", "site.secret")


def test_a_whole_folder_is_left_as_it_is() -> None:
    assert remedy(NEW) is Remedy.NOTHING
    assert leftovers(NEW) == ()
