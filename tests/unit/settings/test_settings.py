import importlib
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from shared.crypto.keyring import make_psk
from shared.domain.errors import BadSettings
from shared.settings import KNOWN, PREFIX, ServiceSettings, require_known

SERVICES = ("config", "replication", "failover_monitor", "node_selector", "relay", "gateway")
COMMANDS = {"HOME", "SITE", "CA_FILE", "PASSWORD_FILE", "ADMIN_PASSWORD_FILE"}
"""What the command line and `init` know beside the services' settings."""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MERIDIAN_NODE", "alpha")
    monkeypatch.setenv("MERIDIAN_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("MERIDIAN_NATS_SERVERS", "nats://a:4222, nats://b:4222")
    return monkeypatch


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    return next(
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, ServiceSettings)
        and each.__module__ == module.__name__
    )


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {PREFIX + name.upper() for name in settings.model_fields}


def test_the_known_variables_are_those_of_some_service_or_command() -> None:
    names = {name for service in SERVICES for name in names_of(settings_of(service))}

    assert names | {PREFIX + name for name in COMMANDS} == KNOWN


def test_the_servers_are_read_as_a_list(environment: pytest.MonkeyPatch) -> None:
    del environment

    assert ServiceSettings.read().nats_servers == ("nats://a:4222", "nats://b:4222")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MERIDIAN_NATS_SERVER", "did you mean MERIDIAN_NATS_SERVERS?"),
        ("MERIDIAN_STATEDIR", "did you mean MERIDIAN_STATE_DIR?"),
        ("MERIDIAN_ZZZZZZZZZZ", "unknown variable MERIDIAN_ZZZZZZZZZZ"),
        ("meridian_nod", "unknown variable meridian_nod; did you mean MERIDIAN_NODE?"),
        ("MERIDIAN_NODE__X", "unknown variable MERIDIAN_NODE__X"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(
    environment: pytest.MonkeyPatch, name: str, message: str
) -> None:
    environment.setenv(name, "x")

    with pytest.raises(BadSettings) as caught:
        ServiceSettings.read()

    assert message in caught.value.message


def test_other_programs_variables_are_none_of_our_business() -> None:
    require_known({"PATH": "x", "MERIDIANS": "y", "OTHER_NODE": "z"})


@pytest.mark.parametrize("name", ["NODE", "STATE_DIR", "NATS_SERVERS"])
def test_a_missing_variable_is_reported_by_its_name(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.delenv(PREFIX + name)

    with pytest.raises(BadSettings, match=f"{PREFIX}{name}: is missing"):
        ServiceSettings.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODE", "Alpha!"),
        ("METRICS_PORT", "70000"),
        ("METRICS_PORT", "many"),
        ("TIMING", "slow"),
        ("LOG_FORMAT", "xml"),
        ("NATS_SERVERS", ""),
        ("NATS_REPLICAS", "0"),
    ],
)
def test_a_wrong_value_is_reported_in_one_sentence(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(PREFIX + name, value)

    with pytest.raises(BadSettings) as caught:
        ServiceSettings.read()

    assert caught.value.message.startswith(f"{PREFIX}{name}")
    assert "\n" not in caught.value.message
    assert "Value error" not in caught.value.message


def test_the_key_is_read_from_its_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = make_psk()
    (tmp_path / "psk").write_text(key + "\n")
    environment.setenv("MERIDIAN_PSK_FILE", str(tmp_path / "psk"))

    assert ServiceSettings.read().pre_shared_key() == key


def test_a_key_in_the_environment_is_masked_when_printed(environment: pytest.MonkeyPatch) -> None:
    key = make_psk()
    environment.setenv("MERIDIAN_PSK", key)
    settings = ServiceSettings.read()

    assert settings.pre_shared_key() == key
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (None, None, "set MERIDIAN_PSK_FILE"),
        ("MERIDIAN_PSK", "short", "has 5 characters"),
        ("MERIDIAN_PSK", "a" * 30, "too regular"),
        ("MERIDIAN_PSK_FILE", "/nowhere/at/all", "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_used_is_reported(
    environment: pytest.MonkeyPatch, variable: str | None, value: str | None, message: str
) -> None:
    if variable is not None and value is not None:
        environment.setenv(variable, value)

    with pytest.raises(BadSettings, match=message):
        ServiceSettings.read().pre_shared_key()


def test_a_rotation_is_going_on_when_there_is_a_previous_key(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ServiceSettings.read().previous_key() is None
    (tmp_path / "old").write_text("the key of last year\n")
    environment.setenv("MERIDIAN_PSK_PREVIOUS_FILE", str(tmp_path / "old"))

    assert ServiceSettings.read().previous_key() == "the key of last year"


def test_a_previous_key_that_keeps_nobody_out_is_refused(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "old").write_text("the old key\n")
    environment.setenv("MERIDIAN_PSK_PREVIOUS_FILE", str(tmp_path / "old"))

    with pytest.raises(BadSettings, match="has 11 characters"):
        ServiceSettings.read().previous_key()
