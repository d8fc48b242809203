"""What the composed site and the embedded one must have in common, and what a build may hold."""

import json
import re
from pathlib import Path

from stack.nats import USERS, accounts

ROOT = Path(__file__).resolve().parents[3]
NATS = (ROOT / "compose" / "nats.conf").read_text()
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def bare(text: str) -> str:
    """A configuration without comments and without what the server reads over."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return re.sub(r":(?=[{\[])", "", re.sub(r"[\s,\"]", "", "".join(lines)))


def test_both_sites_have_the_same_accounts_and_every_right_in_them() -> None:
    passwords = {user: f"${user.upper()}_PASSWORD" for user in USERS}
    inner = bare(json.dumps(accounts(passwords)))[1:-1]

    assert f"accounts{{{inner}}}system_account" in bare(NATS)


def test_both_sites_have_the_same_users_and_sync_every_write() -> None:
    assert set(re.findall(r"user: (\w+)", NATS)) == set(USERS)
    assert "sync_interval: always" in NATS


def test_every_variable_of_the_composed_site_has_its_default_in_the_example() -> None:
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    files = (ROOT / "docker-compose.yml", ROOT / "compose" / "parts.yaml")
    used = {pair for file in files for pair in VARIABLE.findall(file.read_text())}

    assert {(name, value) for name, value in used if name != "PIP_INDEX_URL"} == set(
        example.items()
    )


def test_no_secret_and_no_test_gets_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert lines[1] == "*"
    assert kept.isdisjoint({"secrets", ".env", "tests", ".git", ".venv"})


def test_the_image_is_installed_from_the_lock_with_its_hashes_by_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert "--require-hashes --no-deps --requirement requirements.lock" in text
    assert text.count("\nFROM python:3.13-slim-trixie") == 2
    assert text.index("USER meridian") > text.rindex("FROM ")
    assert "embedded" not in text.rpartition("FROM ")[2]
