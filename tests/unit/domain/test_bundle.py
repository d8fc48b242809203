"""Messages of the log that travel together: what comes out is what went in, part by part."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding.errors import Undecodable
from shared.domain.bundle import BUNDLE_BYTES, UNPACKED_BYTES, pack, unpack

LINES = st.text().map(lambda text: json.dumps([text], ensure_ascii=False).encode())


@given(st.lists(LINES, min_size=1))
def test_what_comes_out_is_what_went_in(messages: list[bytes]) -> None:
    bundle, count = pack(messages)
    assert unpack(bundle) == tuple(messages[:count])
    assert count == len(messages)


def test_a_bundle_is_cut_before_it_is_too_large_and_goes_on_in_the_next() -> None:
    messages = [b"a" * (BUNDLE_BYTES - 1), b"b", b"c"]
    bundle, count = pack(messages)
    assert count == 2
    assert unpack(bundle) == tuple(messages[:2])
    assert pack(messages[count:])[1] == 1


def test_a_message_that_is_too_large_is_a_bundle_by_itself() -> None:
    assert pack([b"a" * (BUNDLE_BYTES + 1), b"b"])[1] == 1


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "no base64",
        base64.b64encode(b"not compressed").decode(),
        packed(b"a" * 100)[:-8],
        base64.b64encode(zlib.compress(b"a") + b"more").decode(),
        packed(b"a" * (UNPACKED_BYTES + 1)),
    ],
)
def test_what_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(Undecodable, match=r"no bundle of messages|no base64"):
        unpack(text)
