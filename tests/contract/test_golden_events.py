"""What was sent once is understood for ever, and what is sent now can be read by yesterday's."""

import json
from typing import Any, cast

import pytest

from shared.messaging.catalogue import find_message
from tests.contract.golden import ALL, BY_NAME, Golden

every_golden = pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)


def includes(whole: Any, part: Any) -> bool:
    """Whether everything in *part* stands in *whole* too, unchanged."""
    if isinstance(part, dict):
        fields = cast("dict[str, Any]", part)
        return all(key in whole and includes(whole[key], value) for key, value in fields.items())
    return bool(whole == part)


@every_golden
def test_an_old_message_decodes_and_loses_nothing(golden: Golden) -> None:
    message = BY_NAME[golden.message].model_validate_json(json.dumps(golden.payload))

    assert includes(message.model_dump(mode="json"), golden.payload)


@every_golden
def test_a_message_travels_on_the_subject_that_it_always_had(golden: Golden) -> None:
    message = BY_NAME[golden.message].model_validate(golden.payload)

    assert message.address == golden.subject
    assert find_message(golden.subject) is BY_NAME[golden.message]


@every_golden
def test_a_field_of_tomorrow_is_ignored(golden: Golden) -> None:
    tomorrow = {**golden.payload, "a_field_of_tomorrow": {"deep": [1]}}
    message = BY_NAME[golden.message].model_validate(tomorrow)

    assert message == BY_NAME[golden.message].model_validate(golden.payload)


def test_every_file_is_of_a_message_that_exists() -> None:
    assert {golden.message for golden in ALL} <= set(BY_NAME)
