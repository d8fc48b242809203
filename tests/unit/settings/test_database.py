"""Where a master's database is, with its password from a file or in the address."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.config.settings import ConfigSettings
from services.failover_monitor.settings import MonitorSettings
from services.replication.settings import ReplicationSettings
from shared.domain.errors import BadSettings
from shared.settings import database_address

BARE = "postgresql://meridian@alpha-postgres:5432/postgres?sslmode=disable"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "postgres"
    path.write_text("a/b@c:d\n")
    return path


def test_the_password_of_a_file_is_put_into_the_address_whatever_its_characters(
    password_file: Path,
) -> None:
    assert database_address(SecretStr(BARE), password_file) == (
        "postgresql://meridian:a%2Fb%40c%3Ad@alpha-postgres:5432/postgres?sslmode=disable"
    )


def test_without_a_file_the_address_is_taken_as_it_is() -> None:
    assert database_address(SecretStr(BARE), None) == BARE


@pytest.mark.parametrize("url", ["postgresql://host/db", "postgresql://me:word@host/db"])
def test_an_address_without_a_user_or_with_a_second_password_is_refused(
    password_file: Path, url: str
) -> None:
    with pytest.raises(BadSettings, match="MERIDIAN_DATABASE_PASSWORD_FILE holds it"):
        database_address(SecretStr(url), password_file)


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"MERIDIAN_DATABASE_PASSWORD_FILE: .*nowhere"):
        database_address(SecretStr(BARE), tmp_path / "nowhere")


@pytest.mark.parametrize("settings_class", [ConfigSettings, MonitorSettings, ReplicationSettings])
def test_every_service_with_a_database_reads_the_password_file(
    monkeypatch: pytest.MonkeyPatch,
    password_file: Path,
    settings_class: type[ConfigSettings | MonitorSettings | ReplicationSettings],
) -> None:
    for name, value in {
        "NODE": "alpha",
        "STATE_DIR": "/var/lib/meridian",
        "NATS_SERVERS": "nats://a:4222",
        "DATABASE_URL": BARE,
        "DATABASE_PASSWORD_FILE": str(password_file),
    }.items():
        monkeypatch.setenv(f"MERIDIAN_{name}", value)

    assert "meridian:a%2Fb%40c%3Ad@" in str(settings_class.read().database)
