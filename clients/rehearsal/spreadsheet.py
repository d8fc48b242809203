"""CSV as spreadsheets write it: rows of cells, each with the line where it begins.

Read are UTF-8 and UTF-16 with or without a byte order mark (UTF-16 only with one), lines that end
in CR, LF or both, and cells apart by comma, semicolon or tab: a first line `sep=;` may say which,
else the heading shows it. Rows without any content are passed over.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.text import shown

SEPARATORS: Final = ",;\t"
LARGEST_BYTES: Final = 256 * 1024 * 1024
LONGEST_CELL: Final = 131_072
_SAID: Final = re.compile(r'"?sep=(.)"?[,;\t]*\r?\n?|"?sep=(.)"?[,;\t]*\r', re.IGNORECASE)
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = tuple[int, list[str]]
"""A row's cells, and the line in the file where it begins."""


def decoded(data: bytes) -> str:
    """The text of a file.

    Raises:
        Undecodable: it is in no encoding that is read here, or larger than any may be.
    """
    if len(data) > LARGEST_BYTES:
        raise _unreadable(f"it is larger than {LARGEST_BYTES >> 20} MiB", "too_large")
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise _unreadable(
                "it is cut off or no UTF-16: save it as CSV UTF-8", "not_text"
            ) from error
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(f"line {line} is no UTF-8: save it as CSV UTF-8", "not_text") from error


def rows(text: str) -> Iterator[Row]:
    """The rows of *text* that hold something, the heading first.

    Raises:
        Undecodable: a row cannot be read.
    """
    said = _SAID.match(text)
    skipped = 0
    if said is not None:
        text, skipped = text[said.end() :], 1
    separator = _separator(text) if said is None else said[1] or said[2]
    if separator not in SEPARATORS:
        raise _unreadable(
            f"line 1: cells are apart by ',', ';' or a tab, not by {shown(separator)}"
        )
    nul = text.find("\0")
    if nul >= 0:
        raise _unreadable(f"line {_lines(text[:nul]) + skipped + 1}: it holds the character NUL")
    yield from _cells(text, separator, skipped)


def _cells(text: str, separator: str, skipped: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = skipped + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = skipped + reader.line_num + 1
    except csv.Error as error:
        raise _unreadable(f"line {begins}: {_describe_error(error)}") from error


def _describe_error(error: csv.Error) -> str:
    sentence = str(error)
    if "end of data" in sentence:
        return "a quote that begins in it is not closed"
    if "field limit" in sentence:
        return f"a cell is longer than {LONGEST_CELL:,} characters; a quote may not be closed"
    if "expected after" in sentence:
        return "something follows a closing quote"
    return sentence


def _lines(text: str) -> int:
    """How many lines end in *text*."""
    return len(re.findall(r"\r\n|\r|\n", text))


def _separator(text: str) -> str:
    """What stands most often in the heading, whose own words hold none of them."""
    heading = text.lstrip("\r\n").partition("\n")[0].partition("\r")[0]
    return max(SEPARATORS, key=heading.count)


def _unreadable(told: str, reason: str = "bad_syntax") -> Undecodable:
    return Undecodable(told, reason=reason)
