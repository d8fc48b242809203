"""What a master's failover monitor is told of its hook."""

from pathlib import Path

import pytest

from services.failover_monitor.settings import MonitorSettings
from shared.domain.errors import BadSettings

OTHERS = {
    "MERIDIAN_NODE": "alpha",
    "MERIDIAN_STATE_DIR": "/var/lib/meridian",
    "MERIDIAN_NATS_SERVERS": "nats://alpha:4222",
    "MERIDIAN_DATABASE_URL": "postgresql://meridian@alpha/postgres",
}


def read(monkeypatch: pytest.MonkeyPatch, **own: str) -> MonitorSettings:
    for name, value in {**OTHERS, **own}.items():
        monkeypatch.setenv(name, value)
    return MonitorSettings.read()


def test_without_a_hook_there_is_neither_command_nor_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)

    assert settings.hook_command() == ()
    assert settings.webhook_key() == b""


def test_a_command_is_split_as_a_shell_would(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, MERIDIAN_REDIRECTION_COMMAND="/opt/swing --to 'the new one'")

    assert settings.hook_command() == ("/opt/swing", "--to", "the new one")


def test_a_command_that_cannot_be_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="MERIDIAN_REDIRECTION_COMMAND: is no command line"):
        read(monkeypatch, MERIDIAN_REDIRECTION_COMMAND="/opt/swing 'open")


def test_the_key_of_webhooks_is_read_without_the_lines_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("a key\n")
    name = "MERIDIAN_REDIRECTION_WEBHOOK_KEY_FILE"

    assert read(monkeypatch, **{name: str(tmp_path / "key")}).webhook_key() == b"a key"


def test_the_key_of_updates_is_handed_on_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text('key "x" {\n};\n')
    name = "MERIDIAN_REDIRECTION_DNS_KEY_FILE"

    assert read(monkeypatch).dns_key() == ""
    assert read(monkeypatch, **{name: str(tmp_path / "key")}).dns_key() == 'key "x" {\n};'


def test_a_key_that_cannot_be_read_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "MERIDIAN_REDIRECTION_WEBHOOK_KEY_FILE"
    with pytest.raises(BadSettings, match=name):
        read(monkeypatch, **{name: str(tmp_path / "none")}).webhook_key()
