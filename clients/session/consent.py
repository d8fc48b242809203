"""Asks the customer, on their own terminal, before anything of theirs can be reached."""

import asyncio
from collections.abc import Callable
from typing import TextIO

from shared.domain.errors import BadSettings, Forbidden

YES = frozenset({"y", "yes"})


def require_consent(address: str, who: str, answers: TextIO, questions: TextIO) -> None:
    """Return if a person says yes.

    Raises:
        BadSettings: there is no terminal to ask on.
        Forbidden: the person did not agree.
    """
    if not answers.isatty():
        raise BadSettings("nobody can be asked for consent here; if you agree, say so with --yes")
    questions.write(
        f"{who} will be able to connect to {address}, to nothing else,\n"
        "until you press ctrl-C or they leave. Do you agree? [y/N] "
    )
    questions.flush()
    if answers.readline().strip().lower() not in YES:
        raise Forbidden("nothing was shared: you did not agree")


def ask_whether_same(
    code: str, answers: TextIO, questions: TextIO, on_answer: Callable[[bool], None]
) -> None:
    """Ask whether the representative sees *code* too; call *on_answer* when a person answers."""
    loop = asyncio.get_running_loop()

    def read_answer() -> None:
        loop.remove_reader(answers.fileno())
        on_answer(answers.readline().strip().lower() in YES)

    questions.write(f"Does your representative read you the same code, {code}? [y/N] ")
    questions.flush()
    loop.add_reader(answers.fileno(), read_answer)
