"""Members of an object by type, and models: every refusal names its place."""

from collections.abc import Callable
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object, row
from shared.decoding.jsontext import Json
from shared.decoding.model import decode_model


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Sample(BaseModel):
    name: str
    count: int


READERS: list[tuple[str, Callable[[Fields, str], object]]] = [
    ("text", Fields.text),
    ("integer", Fields.integer),
    ("number", Fields.number),
    ("hex", Fields.hex),
    ("base64", Fields.base64),
    ("items", Fields.items),
    ("object", Fields.object),
    ("objects", lambda fields, name: list(fields.objects(name))),
    ("choice", lambda fields, name: fields.choice(name, Colour)),
]

GOOD = b"""{"text":"a","integer":1,"number":1.5,"hex":"00ff","base64":"AAE=","items":[1],
"object":{},"mapping":{},"objects":[{}],"choice":"red"}"""


@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_member_of_its_type_is_read(name: str, read: Callable[[Fields, str], object]) -> None:
    read(decode_object(GOOD, "sample"), name)


@pytest.mark.parametrize(("name", "read"), READERS)
@pytest.mark.parametrize("value", ["null", "true", "-1", '"\\u00fc"', "[3]", '{"a":3}', "MISSING"])
def test_a_member_of_another_type_is_refused_by_name(
    name: str, read: Callable[[Fields, str], object], value: str
) -> None:
    fitting = {("text", '"\\u00fc"'), ("number", "-1"), ("items", "[3]")}
    fitting |= {("object", '{"a":3}')}
    if (name, value) in fitting:
        return
    text = "{}" if value == "MISSING" else f'{{"{name}":{value}}}'
    with pytest.raises(Undecodable) as caught:
        read(decode_object(text, "sample"), name)
    assert caught.value.reason == "bad_shape"
    assert caught.value.place.startswith(name)


def test_a_refusal_deep_inside_names_the_whole_way() -> None:
    sample = decode_object('{"outer":{"list":[{"n":1},{"n":"x"}]}}', "sample")
    with pytest.raises(Undecodable, match=r"sample: outer\.list\.1\.n: no integer") as caught:
        [each.integer("n") for each in sample.object("outer").objects("list")]
    assert caught.value.place == "outer.list.1.n"


def test_an_integer_has_limits() -> None:
    sample = decode_object('{"n":5}', "sample")
    assert sample.integer("n", least=5, most=5) == 5
    for least, most in ((6, 9), (0, 4)):
        with pytest.raises(Undecodable):
            sample.integer("n", least=least, most=most)


def test_a_member_that_is_null_counts_as_absent() -> None:
    sample = decode_object('{"a":null,"b":0}', "sample")
    assert ("a" in sample, "b" in sample, "c" in sample) == (False, True, False)


@pytest.mark.parametrize("value", ["ab", ["d"], ["d", 1, 2], None])
def test_a_row_of_another_length_is_none(value: Json) -> None:
    with pytest.raises(Undecodable):
        row(value, ("tag", "n"), "record")


def test_a_row_is_a_list_of_its_length() -> None:
    assert row(["d", 1], ("tag", "n"), "record").integer("n") == 1


def test_a_model_is_read_or_its_first_wrong_field_named() -> None:
    assert decode_model(Sample, b'{"name":"a","count":2}') == Sample(name="a", count=2)
    with pytest.raises(Undecodable, match="Sample: count: ") as caught:
        decode_model(Sample, b'{"name":"a","count":"x"}')
    assert caught.value.place == "count"


@given(st.binary())
def test_any_bytes_give_a_model_or_a_refusal(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_model(Sample, data)
    with pytest.raises(Undecodable):
        decode_object(data, "sample").text("name")
