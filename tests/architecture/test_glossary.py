"""The glossary defines each word once, and every value of the domain is one of its words."""

import ast
import re

from tests.architecture.sources import ROOT, sources
from tests.architecture.test_words import parts

PAGE = ROOT / "docs" / "glossary.md"
ROW = re.compile(r"^\| (?!word \||---)([^|]+?) \|", re.MULTILINE)

PLAIN = frozenset({"error", "value", "kind", "op", "change", "id"})
"""Words of a class's name that need no entry."""


def words() -> list[str]:
    """Every word or phrase of the glossary's first column."""
    cells = ROW.findall(PAGE.read_text())
    return [word.strip() for cell in cells for word in re.sub(r"\(.*?\)", "", cell).split(",")]


def test_every_word_is_defined_once() -> None:
    defined = words()
    assert sorted({word for word in defined if defined.count(word) > 1}) == []


def test_every_enumeration_of_the_domain_stands_in_the_glossary() -> None:
    defined = set(words())
    missing = [
        f"{source.name}: {node.name}"
        for source in sources("shared/domain")
        for node in source.classes()
        if any("Enum" in ast.unparse(base) for base in node.bases)
        and not defined & set(phrases(node.name))
    ]
    assert missing == []


def phrases(name: str) -> list[str]:
    """The ends of a class's name, in words: `FollowerState` -> follower state, state."""
    split = parts(name)
    return [" ".join(split[first:]) for first in range(len(split))]
