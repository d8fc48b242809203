"""Messages of the log as one text, so that some of them travel in one message or lie in a file.

A message of the log is one line of JSON; the lines are compressed together. A bundle is cut before
it holds more than fits into a message of NATS (a mebibyte) whatever the messages say.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64
from shared.domain.log import ENTRY_LIMIT_BYTES

BUNDLE_BYTES: Final = 512 * 1024
"""A bundle ends when it holds so much; a larger message is a bundle by itself."""

UNPACKED_BYTES: Final = BUNDLE_BYTES + 8 * ENTRY_LIMIT_BYTES
"""No bundle unpacks to more."""


def pack(messages: Sequence[bytes]) -> tuple[str, int]:
    """Pack as many of *messages* as a bundle holds, at least one; return it and how many."""
    count = size = 0
    for message in messages:
        size += len(message)
        if count and size > BUNDLE_BYTES:
            break
        count += 1
    packed = zlib.compress(b"\n".join(messages[:count]))
    return base64.b64encode(packed).decode(), count


def unpack(bundle: str) -> tuple[bytes, ...]:
    """The messages in *bundle*.

    Raises:
        Undecodable: it is none.
    """
    unpacker, packed = zlib.decompressobj(), decode_base64(bundle)
    try:
        text = unpacker.decompress(packed, UNPACKED_BYTES)
    except zlib.error as error:
        raise Undecodable(f"no bundle of messages: {error}", reason="bad_syntax") from error
    if not unpacker.eof or unpacker.unused_data:
        raise Undecodable(
            "no bundle of messages: it does not end where it should", reason="bad_syntax"
        )
    return tuple(text.split(b"\n"))
