import io

import pytest

from clients.consent import require_consent
from shared.domain.errors import BadSettings, Forbidden
from shared.domain.ids import SessionId

SESSION = SessionId("4821739")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n", "YES"])
def test_a_yes_lets_pass_after_saying_what_is_shared(answer: str) -> None:
    questions = io.StringIO()
    require_consent("127.0.0.1:22", SESSION, Terminal(answer), questions)
    assert "127.0.0.1:22, to nothing else" in questions.getvalue()
    assert SESSION in questions.getvalue()


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "sure\n"])
def test_anything_else_shares_nothing(answer: str) -> None:
    with pytest.raises(Forbidden, match="nothing was shared"):
        require_consent("127.0.0.1:22", SESSION, Terminal(answer), io.StringIO())


def test_without_a_terminal_nobody_is_asked() -> None:
    questions = io.StringIO()
    with pytest.raises(BadSettings, match="--yes"):
        require_consent("127.0.0.1:22", SESSION, io.StringIO("y\n"), questions)
    assert questions.getvalue() == ""
