from pathlib import Path

import pytest

from services.relay.core.admission import Remembered
from services.relay.store import RelayFile
from shared.domain.errors import BadSettings
from shared.domain.ids import Epoch, SessionId, UnixMillis

KNOWN = Remembered({SessionId("1234567"): UnixMillis(99)}, draining=True, epoch=Epoch(4))


def test_a_new_relay_remembers_nothing(tmp_path: Path) -> None:
    assert RelayFile(tmp_path).load() == Remembered()


def test_what_was_saved_is_remembered(tmp_path: Path) -> None:
    RelayFile(tmp_path).save(KNOWN)
    assert RelayFile(tmp_path).load() == KNOWN
    RelayFile(tmp_path).save(Remembered())
    assert RelayFile(tmp_path).load() == Remembered()


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    RelayFile(tmp_path).save(KNOWN)
    assert [path.name for path in tmp_path.iterdir()] == ["relay.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"closed": [], "draining": 0, "epoch": 0}', '{"closed": {"1": "x"}}'],
)
def test_an_unreadable_file_is_told_and_never_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay.json").write_text(text)
    with pytest.raises(BadSettings, match=r"relay\.json cannot be read"):
        RelayFile(tmp_path).load()
