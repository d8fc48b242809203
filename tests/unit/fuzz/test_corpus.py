"""Every decoder takes its corpus as it should: a value or a documented refusal, soon and small.

`make fuzz` goes on from here; whatever it finds becomes one more input of a corpus.
"""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tools.fuzz.judge import Verdict, judge
from tools.fuzz.target import Target
from tools.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[3]
every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the decoders log of thousands of bad inputs helps nobody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@every_target
def test_a_corpus_reaches_every_refusal_and_every_function_and_gives_no_finding(
    target: Target,
) -> None:
    entered = set[CodeType]()
    verdicts: list[tuple[bytes, Verdict]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            entered.add(frame.f_code)

    inputs = list(target.corpus())
    sys.setprofile(note)
    try:
        verdicts = [(data, judge(target, data)) for data in inputs]
    finally:
        sys.setprofile(None)

    found = [(data[:200], verdict.finding) for data, verdict in verdicts if verdict.finding]
    assert found == []
    assert {verdict.reason for _, verdict in verdicts} - {""} == target.reasons
    assert any(not verdict.reason for _, verdict in verdicts), "no input gives a value"
    assert {each for each in target.covers if code_of(each) not in entered} == set()


def code_of(name: str) -> CodeType:
    """The code of the function that *name* is, as `module:Class.method`."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    code: CodeType = getattr(found, "__wrapped__", found).__code__
    return code


def no_text(data: bytes) -> str:
    return data.decode()


def too_slow(_: bytes) -> int:
    return sum(range(100_000_000))


def of_no_family(_: bytes) -> None:
    raise KeyError("an error of no family")


@pytest.mark.parametrize(
    ("decode", "sign"),
    [
        (no_text, "UnicodeDecodeError"),
        (too_slow, "it took"),
        (of_no_family, "KeyError"),
    ],
)
def test_whatever_is_no_documented_refusal_is_a_finding(
    decode: Callable[[bytes], object], sign: str
) -> None:
    target = Target("bad", decode, lambda: (), (), frozenset())
    assert sign in judge(target, b"\xff").finding


TOO_LARGE = """
from tools.fuzz.judge import judge
from tools.fuzz.target import Target

def decode(data):
    return [0] * 80_000_000

print(judge(Target("bad", decode, lambda: (), (), frozenset()), b"x").finding)
"""


def test_a_decoder_that_takes_too_much_memory_is_a_finding() -> None:
    """In a grandchild: a process inherits the peak of the one that executed it.

    `; true` keeps the shell from becoming the process itself.
    """
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, TOO_LARGE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "MiB for 1 bytes" in done.stdout, done.stderr
