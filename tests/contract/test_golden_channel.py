"""The control channel's messages: one file for each, as either side of a release sends it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.api import channel
from shared.api.channel import (
    FROM_ENDPOINT,
    FROM_GATEWAY,
    ChannelMessage,
    CloseCode,
    decode_from_endpoint,
    decode_from_gateway,
)
from shared.decoding.errors import Undecodable
from shared.domain.session import CloseReason

FOLDER = Path(__file__).parent / "golden_channel"
PAGE = Path(__file__).parents[2] / "docs" / "protocols" / "control-channel.md"
FILES = sorted(FOLDER.glob("*.json"))
DECODERS: dict[str, Callable[[str], ChannelMessage | None]] = {
    "gateway": decode_from_gateway,
    "endpoint": decode_from_endpoint,
}
OTHER = {"gateway": "endpoint", "endpoint": "gateway"}

every_golden = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def golden(file: Path) -> tuple[str, dict[str, Any]]:
    content = json.loads(file.read_text())
    return content["sender"], content["payload"]


@every_golden
def test_a_golden_message_is_read_whole_and_written_as_it_was(file: Path) -> None:
    sender, payload = golden(file)
    message = DECODERS[sender](json.dumps(payload))
    assert message is not None
    assert type(message).__name__ == file.name.partition(".")[0]
    assert json.loads(message.encode()) == payload
    assert set(payload) == set(type(message).model_fields)


@every_golden
def test_a_member_of_tomorrow_is_passed_by(file: Path) -> None:
    sender, payload = golden(file)
    tomorrow = {**payload, "a_member_of_tomorrow": {"deep": [1]}}
    assert DECODERS[sender](json.dumps(tomorrow)) == DECODERS[sender](json.dumps(payload))


@every_golden
def test_a_message_of_the_other_direction_is_passed_by(file: Path) -> None:
    sender, payload = golden(file)
    assert DECODERS[OTHER[sender]](json.dumps(payload)) is None


def test_every_message_has_a_golden_file_and_its_type_in_the_table() -> None:
    models = {*FROM_GATEWAY.values(), *FROM_ENDPOINT.values()}
    assert {model.__name__ for model in models} == {file.name.split(".")[0] for file in FILES}
    for kind, model in [*FROM_GATEWAY.items(), *FROM_ENDPOINT.items()]:
        assert model.model_fields["type"].default == kind


def test_a_reason_of_tomorrow_is_another_one() -> None:
    message = decode_from_gateway('{"type":"closed","reason":"of_tomorrow","message":"x"}')
    assert message == channel.SessionClosed(reason=CloseReason.OTHER, message="x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"type":7}',
        '{"type":"paths"}',
        '{"type":"paths","paths":[{"node":"a","host":"h","port":0,"generation":1,"ticket":"t"}]}',
        '{"type":"paths","paths":[{"node":"a","host":"h","port":70000,"generation":1,"ticket":"t"}]}',
        '{"type":"closed","reason":7}',
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(Undecodable):
        decode_from_gateway(text)


def test_the_page_has_every_type_every_close_code_and_every_reason() -> None:
    page = PAGE.read_text()
    rows = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| `")}
    types = {f"`{kind}`" for kind in (*FROM_GATEWAY, *FROM_ENDPOINT)}
    codes = {f"`{code.value}`" for code in CloseCode}
    assert rows == types | codes | {f"`{reason.value}`" for reason in CloseReason}
