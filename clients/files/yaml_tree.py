# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
"""Parses YAML text into a tree of nodes with their places; it does not decide what a scalar means.

The parser's events are read one by one, so that nesting, repetition and size are bounded. A scalar
keeps the characters of the file: `007` is not 7. Anchors, aliases and `<<` work, tags do not.
Every file gives a tree or `Undecodable`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from shared.decoding.errors import Undecodable

MOST_LEVELS: Final = 64
MOST_REPEATED: Final = 100_000
"""So many values may a file repeat by aliases."""

SHOWN: Final = 200
MERGE: Final = "<<"
STRING_TAG: Final = "tag:yaml.org,2002:str"


@dataclass(slots=True)
class Node:
    """A value and its place; *size* counts the values in it, *height* the levels below it."""

    line: int
    column: int
    size: int = field(default=1, kw_only=True)
    height: int = field(default=0, kw_only=True)


@dataclass(slots=True)
class Scalar(Node):
    """Characters of the file, and whether they are plain, without quotes."""

    text: str
    is_plain: bool


@dataclass(slots=True)
class Sequence(Node):
    """Values in their order."""

    items: list[Node] = field(default_factory=list[Node])


@dataclass(slots=True)
class Mapping(Node):
    """Values by their keys, the nodes of the keys, and in *merged* the mappings that `<<` names."""

    members: dict[str, Node] = field(default_factory=dict[str, Node])
    keys: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    merged: list["Mapping"] = field(default_factory=list["Mapping"])


@dataclass(slots=True)
class _OpenCollection:
    """A collection that is being read, the name of its anchor, and the key without a value yet."""

    node: Sequence | Mapping
    anchor: str | None
    key: Scalar | None = None


def parse(text: str) -> Node | None:
    """The one document in *text*; None when there is none.

    Raises:
        Undecodable: it is no YAML, or goes beyond a bound.
    """
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    return builder.root


def _events(text: str) -> Iterator[Any]:
    """Yield the parser's events; each of its exceptions becomes `Undecodable`."""
    line = column = 1
    parser: Any = YAML(typ="safe", pure=True)
    try:
        for event in parser.parse(text):
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            yield event
    except YAMLError as error:
        raise _as_undecodable(error, text) from error
    except Exception as error:
        # The parser raises whatever its input leads it to: OverflowError, IndexError and others.
        raise malformed(f"it cannot be read: {error}", line, column) from error


def _as_undecodable(error: Any, text: str) -> Undecodable:
    message = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML")
    message = printable(message.strip().splitlines()[0][:SHOWN])
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return malformed(message, mark.line + 1, mark.column + 1)
    before = text[: getattr(error, "position", 0)]
    return malformed(message, before.count("\n") + 1, len(before) - before.rfind("\n"))


class _Builder:
    """Builds the tree from the parser's events."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_OpenCollection] = []
        self._anchors: dict[str, Node] = {}
        self._repeated = 0

    def take(self, event: Any) -> None:
        """Add the next event to the tree."""
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, DocumentStartEvent) and self.root is not None:
            raise malformed("a second document begins: a file holds one", line, column)
        if isinstance(event, CollectionStartEvent):
            self._begin(event, line, column)
        elif isinstance(event, ScalarEvent):
            is_plain = not _require_no_tag(event, line, column) and not event.style
            self._put(Scalar(line, column, event.value, is_plain), event.anchor)
        elif isinstance(event, AliasEvent):
            self._repeat(event.anchor, line, column)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end()

    def _begin(self, event: Any, line: int, column: int) -> None:
        if len(self._open) >= MOST_LEVELS:
            raise _too_deep(line, column)
        _require_no_tag(event, line, column)
        is_mapping = isinstance(event, MappingStartEvent)
        node = Mapping(line, column) if is_mapping else Sequence(line, column)
        self._open.append(_OpenCollection(node, event.anchor))

    def _end(self) -> None:
        closed = self._open.pop()
        node = closed.node
        if isinstance(node, Mapping):
            for merged in node.merged:
                for name, value in merged.members.items():
                    if name not in node.members:
                        node.members[name], node.keys[name] = value, merged.keys[name]
        below = node.items if isinstance(node, Sequence) else list(node.members.values())
        node.size = 1 + sum(each.size for each in below)
        node.height = 1 + max((each.height for each in below), default=0)
        self._put(node, closed.anchor)

    def _repeat(self, anchor: str, line: int, column: int) -> None:
        node = self._anchors.get(anchor)
        if node is None:
            raise malformed(
                f"the alias *{printable(anchor[:SHOWN])} names nothing before it", line, column
            )
        self._repeated += node.size
        if self._repeated > MOST_REPEATED:
            reason = f"aliases repeat more than {MOST_REPEATED:,} values"
            raise malformed(reason, line, column, "too_many_items")
        if len(self._open) + node.height > MOST_LEVELS:
            raise _too_deep(line, column)
        self._put(node, None)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        inside = self._open[-1]
        if isinstance(inside.node, Sequence):
            inside.node.items.append(node)
        elif inside.key is None:
            inside.key = _key(inside.node, node)
        else:
            _add(inside.node, inside.key, node)
            inside.key = None


def _key(mapping: Mapping, node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise malformed("a key is one word, not a list or a mapping", node.line, node.column)
    if node.text in mapping.keys:
        reason = f'found duplicate key "{printable(node.text[:SHOWN])}"'
        raise malformed(reason, node.line, node.column)
    return node


def _add(mapping: Mapping, key: Scalar, node: Node) -> None:
    if key.text == MERGE and key.is_plain:
        named = node.items if isinstance(node, Sequence) else [node]
        for each in named:
            if not isinstance(each, Mapping):
                raise malformed("<< names a mapping, or a list of them", key.line, key.column)
            mapping.merged.append(each)
        return
    mapping.keys[key.text], mapping.members[key.text] = key, node


def _require_no_tag(event: Any, line: int, column: int) -> bool:
    """Say whether *event* has the tag of a text; every other tag is refused."""
    tag = str(event.tag) if event.tag else ""
    if tag and tag not in {"!", STRING_TAG}:
        raise malformed(f"the tag {printable(tag[:SHOWN])} is not used here", line, column)
    return bool(tag)


def malformed(message: str, line: int, column: int, reason: str = "bad_syntax") -> Undecodable:
    """The error for the value at *line* and *column*, which count from 1."""
    return Undecodable(message, reason=reason, place=f"{line}:{column}")


def printable(text: str) -> str:
    """Return *text* in a form that an error message may show on one line."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _too_deep(line: int, column: int) -> Undecodable:
    return malformed(f"it is nested deeper than {MOST_LEVELS} levels", line, column, "too_deep")
