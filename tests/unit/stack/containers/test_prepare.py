"""What a start makes beside the project's files, and what it leaves alone."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.domain.errors import BadSettings
from stack.containers.core.facts import Container
from stack.containers.core.preparation import SECRETS
from stack.containers.prepare import find_site, prepare
from stack.containers.site import ContainerSite

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class QuietSite(ContainerSite):
    """A site of which the engine knows *known_volumes* and no container."""

    known_volumes: tuple[str, ...] = ()

    def containers(self) -> tuple[Container, ...]:
        return ()

    def volumes(self) -> tuple[str, ...]:
        return self.known_volumes


def found(root: Path, *volumes: str, **variables: str) -> QuietSite:
    site = find_site(root, variables)
    return QuietSite(site.settings, site.shared, volumes)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def test_a_folder_left_by_an_interruption_is_finished_by_the_next_start(root: Path) -> None:
    folder = root / "secrets"
    folder.mkdir(mode=0o700)
    for name in ("alpha.key", "site.secret", "ca.key"):
        (folder / name).write_text("")
    prepare(found(root))

    assert set(SECRETS) <= {path.name for path in folder.iterdir()}
    assert all((folder / name).stat().st_size for name in SECRETS)
    assert "SITE_SECRETS=./secrets" in (root / ".env").read_text()

    before = (folder / "psk").read_text(), (root / ".env").read_text()
    prepare(found(root, "meridian_alpha-nats"))
    assert ((folder / "psk").read_text(), (root / ".env").read_text()) == before


def test_nothing_is_made_where_something_is_lost(root: Path) -> None:
    with pytest.raises(BadSettings, match=r"\.env is missing"):
        prepare(found(root, "meridian_alpha-nats"))
    assert [path.name for path in root.iterdir()] == [".env.example"]

    (root / ".env").write_text("SITE_SECRETS=./secrets\n")
    with pytest.raises(BadSettings, match=r"the secrets in .* are missing"):
        prepare(found(root, "meridian_alpha-nats"))
    assert not (root / "secrets").exists()


def test_a_folder_of_secrets_that_is_none_is_named(root: Path) -> None:
    (root / "secrets").write_text("")
    with pytest.raises(BadSettings, match="the folder of secrets cannot be read"):
        prepare(found(root))


def test_a_hosts_name_is_written_down_as_every_address_once(root: Path) -> None:
    folder = root / "secrets"
    folder.mkdir()
    for name in SECRETS:
        (folder / name).write_text("")
    (root / ".env").write_text("SITE_HOST=support.example.com\nSITE_SECRETS=./secrets")
    for _ in range(2):
        prepare(found(root))

    lines = (root / ".env").read_text().splitlines()
    assert [line for line in lines if line.startswith("SITE_ADDRESS")] == ["SITE_ADDRESS="]
    assert found(root).shared == {}


def test_the_shells_variables_stand_over_those_of_the_file(root: Path) -> None:
    (root / ".env").write_text("SITE_HOST=support.example.com\nSITE_SECRETS=./secrets\n")

    assert found(root).shared == {"SITE_ADDRESS": ""}
    assert found(root, SITE_HOST="127.0.0.1").shared == {}
    assert found(root, SITE_ADDRESS="192.0.2.7").shared == {}
    assert found(root, SITE_HOST="192.0.2.7").shared == {"SITE_ADDRESS": ""}


def test_a_settings_file_that_cannot_be_read_is_one_sentence(root: Path) -> None:
    (root / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSettings, match="cannot be read"):
        found(root)
