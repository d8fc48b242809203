"""Answers that repeat a message of the bus have its fields, so that none is lost on the way."""

import pytest
from pydantic import BaseModel

from shared.api.changes import NewLogGeneration
from shared.api.documents import ChangeResult
from shared.api.failover import SwitchoverResult
from shared.api.selection import RehearsalResult
from shared.events.config import ChangesAccepted, GenerationBegun
from shared.events.failover import RoleSwitched
from shared.events.rehearsal import SelectionRehearsed


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (ChangeResult, ChangesAccepted),
        (NewLogGeneration, GenerationBegun),
        (RehearsalResult, SelectionRehearsed),
        (SwitchoverResult, RoleSwitched),
    ],
)
def test_an_answer_has_the_fields_of_its_message(
    answer: type[BaseModel], message: type[BaseModel]
) -> None:
    assert set(answer.model_fields) == set(message.model_fields)
