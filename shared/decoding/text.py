"""Decodes text from outside to numbers and bytes, and compares in constant time.

Python's own `int` takes other digits than ASCII's, underscores, blanks and numbers of any length;
`float` takes `nan` and `inf`. These take what a person or a peer would write, and nothing else.
"""

import base64
import binascii
import hmac
import re
from math import isfinite, isinf
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import LARGEST_INTEGER

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
LONGEST_NUMBER: Final = 64
SHOWN: Final = 40
"""How much of something undecodable a sentence repeats."""


def decode_text(data: bytes) -> str:
    """Decode *data* as UTF-8.

    Raises:
        Undecodable: it is none.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        sentence = f"no UTF-8: byte {error.start} is {data[error.start]:#04x}"
        raise Undecodable(sentence, reason="not_text") from error


def to_integer(text: str, *, least: int = 0, most: int = LARGEST_INTEGER) -> int:
    """The decimal integer that *text* writes, from *least* to *most*.

    Raises:
        Undecodable: it writes none, or one outside of these.
    """
    if not _INTEGER.fullmatch(text):
        raise Undecodable(f"{shown(text)} is no integer", reason="bad_syntax")
    number = int(text)
    if not least <= number <= most:
        raise Undecodable(
            f"{shown(text)} is not from {least} to {most}", reason="number_out_of_range"
        )
    return number


def to_number(text: str, *, least: float, most: float) -> float:
    """The decimal number that *text* writes, from *least* to *most*; both may be infinite.

    Raises:
        Undecodable: it writes none, or one outside of these.
    """
    if len(text) > LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise Undecodable(f"{shown(text)} is no number", reason="bad_syntax")
    number = float(text)
    if not (isfinite(number) and least <= number <= most):
        limits = "finite" if isinf(least) and isinf(most) else f"from {least:g} to {most:g}"
        raise Undecodable(f"{shown(text)} is not {limits}", reason="number_out_of_range")
    return number


def decode_hex(text: str) -> bytes:
    """The bytes that pairs of hex digits name.

    Raises:
        Undecodable: *text* is no such pairs.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Undecodable(f"{shown(text)} is no hex", reason="bad_syntax") from error


def decode_base64(text: str | bytes) -> bytes:
    """The bytes of *text* in base64 (RFC 4648, section 4).

    Raises:
        Undecodable: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Undecodable("no base64", reason="bad_syntax") from error


def decode_base64url(text: str) -> bytes:
    """The bytes of *text* in base64 for addresses, without padding (RFC 4648, section 5).

    Raises:
        Undecodable: it is none.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Undecodable("no base64url", reason="bad_syntax") from error


def equal_in_constant_time(left: bytes | str, right: bytes | str) -> bool:
    """Say whether both are the same, in a time that says nothing of where they differ."""
    return hmac.compare_digest(_as_bytes(left), _as_bytes(right))


def shown(text: str) -> str:
    """Make *text* fit for a sentence: short, on one line, printable."""
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return ascii(cut)


def one_line(text: str, longest: int) -> str:
    """The first *longest* characters of *text*, with escapes for what a terminal would obey."""
    cut = text[:longest]
    return cut if cut.isprintable() else "".join(map(_printable, cut))


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _as_bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
