import stat
from pathlib import Path

import pytest

from clients.profile import Profile, home, load_credentials, save_credentials
from shared.api.sessions import SessionCredentials
from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MERIDIAN_SITE", raising=False)
    monkeypatch.delenv("MERIDIAN_CA_FILE", raising=False)
    return tmp_path / "home"


def test_a_profile_is_remembered_by_its_owner_only(own_home: Path) -> None:
    Profile(["https://a"], "/ca.pem", "token", "rita").save()

    assert Profile.load() == Profile(["https://a"], "/ca.pem", "token", "rita")
    assert stat.S_IMODE((own_home / "profile.json").stat().st_mode) == 0o600


def test_the_command_line_wins_over_the_environment_and_that_over_the_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Profile(["https://remembered"]).save()
    assert Profile.load().gateways == ["https://remembered"]
    monkeypatch.setenv("MERIDIAN_SITE", "https://told/, https://second")
    assert Profile.load().gateways == ["https://told", "https://second"]

    assert Profile.load("https://given").gateways == ["https://given"]


def test_without_a_site_the_way_to_one_is_told() -> None:
    with pytest.raises(BadSettings, match="meridian login"):
        Profile.load().require_site()


@pytest.mark.parametrize("content", ["no json", "[]", '{"colour": "red"}'])
def test_a_damaged_profile_is_told(own_home: Path, content: str) -> None:
    own_home.mkdir()
    (own_home / "profile.json").write_text(content)

    with pytest.raises(BadSettings, match="is damaged"):
        Profile.load()


def test_credentials_are_found_where_the_session_was_opened() -> None:
    session = SessionId("4821739")
    credentials = SessionCredentials(session=session, endpoint_token="t", expires_unix_ms=1)
    save_credentials(credentials)

    assert load_credentials(session) == credentials
    with pytest.raises(BadSettings, match="was not opened on this machine"):
        load_credentials(SessionId("1111111"))


def test_without_a_told_home_it_is_the_users_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MERIDIAN_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")

    assert home() == Path("/somewhere/meridian")
