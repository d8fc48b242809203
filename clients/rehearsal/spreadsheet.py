"""Reads CSV as spreadsheets write it: rows of cells, each with the line where it begins.

It reads UTF-8 with or without a byte order mark and UTF-16 with one, lines that end in CR, LF or
both, and cells separated by comma, semicolon or tab. A first line `sep=;` may name the separator;
otherwise the heading shows it. Rows without any content are skipped.
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
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?[,;\t]*\r?\n?|"?sep=(.)"?[,;\t]*\r', re.IGNORECASE)
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = tuple[int, list[str]]
"""A row's cells, and the line in the file where it begins."""


def decode_text(data: bytes) -> str:
    """The text of a file.

    Raises:
        Undecodable: its encoding is none of these, or it is larger than `LARGEST_BYTES`.
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


def read_rows(text: str) -> Iterator[Row]:
    """The rows of *text* that are not empty, the heading first.

    Raises:
        Undecodable: a row cannot be read.
    """
    declared = _SEPARATOR_LINE.match(text)
    skipped = 0
    if declared is not None:
        text, skipped = text[declared.end() :], 1
    separator = _separator(text) if declared is None else declared[1] or declared[2]
    if separator not in SEPARATORS:
        raise _unreadable(
            f"line 1: cells are separated by ',', ';' or a tab, not by {shown(separator)}"
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
    """Count the lines that end in *text*."""
    return len(re.findall(r"\r\n|\r|\n", text))


def _separator(text: str) -> str:
    """The separator that occurs most often in the heading, whose words contain none of them."""
    heading = text.lstrip("\r\n").partition("\n")[0].partition("\r")[0]
    return max(SEPARATORS, key=heading.count)


def _unreadable(message: str, reason: str = "bad_syntax") -> Undecodable:
    return Undecodable(message, reason=reason)
