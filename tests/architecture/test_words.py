"""Names use the field's terms: no identifier contains a word of `words.txt`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import PRODUCT, TOOLING, Source, sources

WORDS = Path(__file__).parent / "words.txt"
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

ALLOWED: dict[str, str] = {}
"""Identifier -> why it stays; no more than 15."""


def refused() -> dict[str, str]:
    """The refused words, each with what to write instead."""
    lines = (line.split(maxsplit=1) for line in WORDS.read_text().splitlines() if line.strip())
    return {word: term for word, term in lines if not word.startswith("#")}


def parts(identifier: str) -> list[str]:
    """Split an identifier at underscores and capitals: `LayDownPen` -> lay, down, pen."""
    return [part.lower() for part in PARTS.findall(identifier)]


def identifiers(source: Source) -> Iterator[tuple[str, int]]:
    """Every name that a file defines or binds, with its line; line 0 is the module's own name."""
    yield from ((part, 0) for part in source.module.split("."))
    for node in ast.walk(source.tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno
            case _:
                pass


def test_no_identifier_contains_a_refused_word() -> None:
    words = refused()
    found = [
        f"{source.name}:{line}: {name}: write {words[word]}"
        for source in sources(*PRODUCT, *TOOLING, "tests")
        for name, line in identifiers(source)
        for word in parts(name)
        if word in words and name not in ALLOWED
    ]
    assert found == []


def test_every_exception_is_needed_and_there_are_few() -> None:
    names = {name for each in sources(*PRODUCT, *TOOLING, "tests") for name, _ in identifiers(each)}
    assert sorted(ALLOWED) == sorted(set(ALLOWED) & names)
    assert len(ALLOWED) <= 15


def test_a_name_is_split_into_its_words() -> None:
    assert parts("LayDownPen") == ["lay", "down", "pen"]
    assert parts("_told_by_HTTPServer2") == ["told", "by", "http", "server", "2"]
