import asyncio
import io
import os

import pytest

from clients.session.consent import ask_whether_same, require_consent
from shared.domain.errors import BadSettings, Forbidden

WHO = "The holder of session 4821739"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n", "YES"])
def test_a_yes_is_accepted_after_the_question_names_what_is_shared(answer: str) -> None:
    questions = io.StringIO()
    require_consent("127.0.0.1:22", WHO, Terminal(answer), questions)
    assert "127.0.0.1:22, to nothing else" in questions.getvalue()
    assert WHO in questions.getvalue()


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "sure\n"])
def test_anything_else_shares_nothing(answer: str) -> None:
    with pytest.raises(Forbidden, match="nothing was shared"):
        require_consent("127.0.0.1:22", WHO, Terminal(answer), io.StringIO())


def test_without_a_terminal_nobody_is_asked() -> None:
    questions = io.StringIO()
    with pytest.raises(BadSettings, match="--yes"):
        require_consent("127.0.0.1:22", WHO, io.StringIO("y\n"), questions)
    assert questions.getvalue() == ""


@pytest.mark.parametrize(("answer", "expected"), [("y\n", True), ("no\n", False), ("\n", False)])
async def test_a_person_answers_whether_the_code_is_the_same(answer: str, expected: object) -> None:
    reading, writing = os.pipe()
    questions = io.StringIO()
    answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    with os.fdopen(reading) as answers, os.fdopen(writing, "w") as person:
        ask_whether_same("4821 7390", answers, questions, answered.set_result)
        person.write(answer)
        person.flush()
        assert await asyncio.wait_for(answered, 15) is expected
    assert "4821 7390" in questions.getvalue()
