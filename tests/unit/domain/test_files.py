"""What the system refuses is a sentence that says what is wrong and what to do."""

import errno
import os
from pathlib import Path

import pytest

from shared.domain.files import REMEDIES, describe_refusal


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_refusal_is_one_sentence_with_the_place_and_something_to_do(number: int) -> None:
    sentence = describe_refusal(Path("/a/place"), OSError(number, os.strerror(number), "/a/place"))

    assert sentence.startswith("/a/place cannot be used: ")
    assert "\n" not in sentence
    assert any(
        word in sentence for word in ("choose", "name a", "name the place", "check", "let you")
    )


def test_what_the_table_lacks_is_reported_in_the_words_of_the_system() -> None:
    assert errno.EIO not in REMEDIES
    assert "input/output error" in describe_refusal("x", OSError(errno.EIO, os.strerror(errno.EIO)))


def test_a_place_that_a_terminal_would_obey_is_escaped_and_cut() -> None:
    sentence = describe_refusal("\x1b[31m\n" + "x" * 10_000, PermissionError(errno.EACCES, "no"))

    assert sentence.isprintable()
    assert len(sentence) < 500
