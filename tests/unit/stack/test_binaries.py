"""The programs: found in this environment, and copied where `nobody` may run them."""

import os
from pathlib import Path

import pytest

from stack.binaries import anybody_may_enter, copy_installation, find_nats_server, find_postgres
from stack.failure import StartFailed


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installation that only its owner may enter, with libraries beside it."""
    home = tmp_path / "home"
    package = home / "postgres_package"
    programs = package / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("a program")
    (programs / "postgres").chmod(0o700)
    (package / "pginstall" / "share").mkdir()
    (package / "pginstall" / "share" / "words").write_text("words")
    libraries = home / "postgres_package.libs"
    libraries.mkdir()
    (libraries / "lib.so").write_text("a library")
    home.chmod(0o700)
    return package


def test_the_nats_server_is_the_one_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_nats_server().name == "nats-server"


def test_a_folder_that_is_closed_anywhere_on_the_way_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    assert not anybody_may_enter(inner)
    assert anybody_may_enter(Path("/"))


def test_a_copy_keeps_the_layout_that_programs_find_their_libraries_by(
    package: Path, tmp_path: Path
) -> None:
    copy = copy_installation(package, tmp_path / "programs")
    assert (copy / "pginstall" / "share" / "words").read_text() == "words"
    assert (copy.parent / "postgres_package.libs" / "lib.so").read_text() == "a library"


def test_everybody_may_read_and_run_what_was_copied(package: Path, tmp_path: Path) -> None:
    copy = copy_installation(package, tmp_path / "programs")
    program = copy / "pginstall" / "bin" / "postgres"
    assert program.stat().st_mode & 0o777 == 0o755
    folders = [path for path in (tmp_path / "programs").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}


def test_the_original_keeps_its_permissions(package: Path, tmp_path: Path) -> None:
    copy_installation(package, tmp_path / "programs")
    original = package / "pginstall" / "bin" / "postgres"
    assert original.stat().st_mode & 0o777 == 0o700


def test_copying_twice_is_copying_once(package: Path, tmp_path: Path) -> None:
    first = copy_installation(package, tmp_path / "programs")
    assert copy_installation(package, tmp_path / "programs") == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root's PostgreSQL runs as nobody")
def test_an_ordinary_users_postgresql_runs_as_that_user(tmp_path: Path) -> None:
    assert find_postgres(tmp_path).user is None


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_roots_postgresql_is_refused_a_folder_that_nobody_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(StartFailed, match="choose a state folder that everybody may enter"):
        find_postgres(tmp_path)
