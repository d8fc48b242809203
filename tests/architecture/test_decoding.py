"""Nothing is decoded outside of the one boundary, `shared/decoding`.

What parses or compares outside of it may end in any exception, and a process with it. Where a
library hands over text from outside, Python's `int` and `float` take too much: digits of other
scripts, underscores, thousands of digits, infinity.
"""

import ast
from collections.abc import Iterator

from tests.architecture.sources import PRODUCT, Source, called, sources

BOUNDARY = "shared.decoding"

DECODERS = frozenset(
    {
        "json.load",
        "json.loads",
        "hmac.compare_digest",
        "secrets.compare_digest",
        "from_json",
        "pydantic_core.from_json",
        "base64.b64decode",
        "base64.urlsafe_b64decode",
        "bytes.fromhex",
        "pickle.loads",
        "marshal.loads",
    }
)
METHODS = frozenset({"model_validate_json", "validate_json", "model_validate_strings"})
"""Decoders that are methods of something, whatever it is called."""

LIBRARIES = frozenset({"csv", "dns", "httptools", "maxminddb", "nats", "ruamel", "websockets"})
"""Libraries whose parsed text comes from outside."""

HEADERS = frozenset({"fastapi", "starlette", "httpx"})
"""Whoever imports one of these reads headers."""

ALLOWED_NUMBERS: dict[str, str] = {}
"""Where `int` or `float` is called on what is no literal, and why that is safe; at most 15."""


def _outside() -> Iterator[Source]:
    return (each for each in sources(*PRODUCT) if not each.module.startswith(BOUNDARY))


def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _names(source: Source) -> Iterator[str]:
    """What *source* calls, or hands on to be called."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield called(node)
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Attribute):
            yield ast.unparse(node.value)


def _imports(source: Source) -> frozenset[str]:
    found = set[str]()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def decoders_in(source: Source) -> set[str]:
    """Which decoders *source* calls by itself."""
    called_here = set(_names(source))
    return {name for name in called_here if name in DECODERS or name.rpartition(".")[2] in METHODS}


def numbers_in(source: Source) -> list[str]:
    """Where *source* makes a number of what may be text from outside."""
    if not _imports(source) & (LIBRARIES | HEADERS):
        return []
    return [
        f"{source.module}: {ast.unparse(call)}"
        for call in _calls(source)
        if called(call) in {"int", "float"} and not all(_is_literal(each) for each in call.args)
    ]


def test_nothing_is_decoded_outside_of_the_boundary() -> None:
    found = {f"{each.module}: {name}" for each in _outside() for name in decoders_in(each)}
    assert sorted(found) == []


def test_no_library_s_text_is_made_a_number_outside_of_the_boundary() -> None:
    found = {line for each in _outside() for line in numbers_in(each)}
    assert sorted(found - ALLOWED_NUMBERS.keys()) == []


def test_every_exception_is_needed_and_they_are_few() -> None:
    numbers = {line for each in _outside() for line in numbers_in(each)}
    assert ALLOWED_NUMBERS.keys() <= numbers
    assert len(ALLOWED_NUMBERS) <= 15


def test_the_rule_finds_what_it_is_for() -> None:
    text = (
        "import json, hmac\nfrom nats.aio.msg import Msg\n"
        "def read(m):\n"
        "    x = json.loads(m.data)\n"
        "    hmac.compare_digest(x, x)\n"
        "    y = Model.model_validate_json(m.data)\n"
        "    codec(decoder=json.loads)\n"
        "    return int(m.headers['n']), float('inf'), int(3)\n"
    )
    source = Source(sources("shared")[0].path, text)
    assert decoders_in(source) == {
        "json.loads",
        "hmac.compare_digest",
        "Model.model_validate_json",
    }
    assert len(numbers_in(source)) == 1
