"""The state folder: one supervisor at a time, and nobody else's files are touched."""

from pathlib import Path

import pytest

from stack.failure import StartFailed
from stack.folder import take_folder
from stack.layout import FILE


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
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]
    with pytest.raises(StartFailed, match="is running already"):
        take_folder(tmp_path)
    folder.release()
