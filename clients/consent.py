"""Asks the customer, on their own terminal, before anything of theirs can be reached."""

from typing import TextIO

from shared.domain.errors import BadSettings, Forbidden
from shared.domain.ids import SessionId

YES = frozenset({"y", "yes"})


def require_consent(address: str, session: SessionId, answers: TextIO, questions: TextIO) -> None:
    """Let pass if a person says yes.

    Raises:
        BadSettings: nobody can be asked.
        Forbidden: the person did not agree.
    """
    if not answers.isatty():
        raise BadSettings("nobody can be asked for consent here; if you agree, say so with --yes")
    questions.write(
        f"The holder of session {session} will be able to connect to {address}, to nothing else,\n"
        "until you press ctrl-C or they leave. Do you agree? [y/N] "
    )
    questions.flush()
    if answers.readline().strip().lower() not in YES:
        raise Forbidden("nothing was shared: you did not agree")
