"""The state folder: one supervisor at a time, and nobody else's files are touched."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.failure import StartFailed
from stack.folder import take_folder, usable
from stack.layout import FILE, plan
from stack.paths import ENTRIES, UNFINISHED

NOBODY = 65_534


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A place of somebody whom permissions bind, which the superuser becomes for a while."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def test_a_temporary_folder_goes_with_its_site() -> None:
    folder = take_folder(None)
    (folder.path / "secrets").mkdir()
    folder.release()
    assert not folder.path.exists()


def test_a_named_folder_is_made_and_kept(tmp_path: Path) -> None:
    folder = take_folder(tmp_path / "new" / "site")
    folder.release()
    assert folder.path.is_dir()
    assert not folder.temporary


def test_two_supervisors_never_hold_one_folder(tmp_path: Path) -> None:
    folder = take_folder(tmp_path)
    with pytest.raises(StartFailed, match="is running already"):
        take_folder(tmp_path)
    folder.release()
    take_folder(tmp_path).release()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(StartFailed, match="holds no complete site"):
        take_folder(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_a_refused_folder_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    for _ in range(2):
        with pytest.raises(StartFailed, match="holds no complete site"):
            take_folder(tmp_path)


def test_a_kept_site_is_taken_again(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    (tmp_path / "secrets").mkdir()
    folder = take_folder(tmp_path)
    folder.release()
    assert (tmp_path / "secrets").is_dir()


def test_emptying_removes_what_a_failed_start_left_and_keeps_the_lock(tmp_path: Path) -> None:
    folder = take_folder(tmp_path)
    (tmp_path / "nats" / "alpha").mkdir(parents=True)
    (tmp_path / "founding.json").write_text("{}")
    folder.empty()
    assert {each.name for each in tmp_path.iterdir()} == {"lock", "unfinished"}
    with pytest.raises(StartFailed, match="is running already"):
        take_folder(tmp_path)
    folder.release()


def interrupted(path: Path, *entries: str) -> None:
    """A start in *path* that made *entries* and came to no end."""
    take_folder(path).release()
    for entry in entries:
        (path / entry).mkdir()
        (path / entry / "data").write_text("half")


def test_what_an_interrupted_start_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    interrupted(tmp_path, *ENTRIES)
    folder = take_folder(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"lock", UNFINISHED}
    folder.release()


def test_what_no_start_makes_is_never_removed_and_is_named(tmp_path: Path) -> None:
    interrupted(tmp_path, "secrets")
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(StartFailed, match=r"holds no complete site but 'letter.txt'; remove it"):
        take_folder(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"
    assert (tmp_path / "secrets" / "data").exists()
    (tmp_path / "letter.txt").unlink()
    take_folder(tmp_path).release()
    assert not (tmp_path / "secrets").exists()


def test_a_folder_of_the_same_names_that_no_start_marked_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    with pytest.raises(StartFailed, match="holds no complete site but 'secrets'"):
        take_folder(tmp_path)
    assert (tmp_path / "secrets").is_dir()


def test_a_link_that_lies_there_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("mine")
    interrupted(tmp_path / "site")
    (tmp_path / "site" / "secrets").symlink_to(tmp_path / "precious")
    take_folder(tmp_path / "site").release()
    assert (tmp_path / "precious" / "data").read_text() == "mine"


def test_a_start_that_came_to_its_end_is_kept_and_its_mark_is_gone(tmp_path: Path) -> None:
    folder = take_folder(tmp_path)
    plan("a", tmp_path, 1, iter(range(100)).__next__).write()
    (tmp_path / "secrets").mkdir()
    folder.release()
    take_folder(tmp_path).release()
    assert {each.name for each in tmp_path.iterdir()} == {"lock", "secrets", FILE}


def refusal(path: Path) -> str:
    with pytest.raises(StartFailed) as refused:
        take_folder(path)
    return refused.value.message


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        sentence = f"{path} cannot be used: it is a file or lies below one: name a folder"
        assert refusal(path) == sentence
    assert file.read_text() == "mine"


def test_a_name_without_end_and_a_circle_of_links_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "name is too long" in refusal(tmp_path / ("x" * 300))
    assert "cannot be used" in refusal(tmp_path / "circle")


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o500, 0o600])
def test_a_folder_that_may_not_be_entered_or_written_is_refused_in_words(
    ordinary_user: Path, mode: int
) -> None:
    folder = ordinary_user / "site"
    folder.mkdir()
    folder.chmod(mode)
    for path in (folder, folder / "new"):
        assert "you may not use it: have its owner let you, or choose another" in refusal(path)
    folder.chmod(0o700)
    take_folder(folder).release()


def test_a_part_of_a_kept_site_that_may_not_be_read_is_named(ordinary_user: Path) -> None:
    secret = ordinary_user / "secrets"
    secret.mkdir()
    secret.chmod(0)
    named = f"{secret / 'psk'} cannot be used: you may not"
    with pytest.raises(StartFailed, match=named), usable(ordinary_user):
        (secret / "psk").read_text()
    secret.chmod(0o700)


def test_what_is_refused_elsewhere_is_not_the_folders_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), usable(tmp_path / "site"):
        (tmp_path / "elsewhere" / "program").read_text()
    with pytest.raises(ConnectionRefusedError), usable(tmp_path):
        raise ConnectionRefusedError(111, "refused")
