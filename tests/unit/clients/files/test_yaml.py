"""YAML as people write it: names stay as written, and nothing in a file is a traceback."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients.files.site_file import read_documents
from clients.files.yaml_tree import parse
from clients.files.yaml_writer import write_yaml
from shared.api.documents import DocumentView
from shared.decoding.errors import REASONS, Undecodable
from shared.documents import DOCUMENTS, Kind
from shared.documents.shape import validate_body
from shared.domain.errors import BadSettings

LOOKS_LIKE_MORE = [
    "007",
    "0o7",
    "0x1f",
    "0b1",
    "1e3",
    "1_000",
    "-0",
    ".5",
    ".inf",
    ".nan",
    "null",
    "Null",
    "~",
    "true",
    "no",
    "on",
    "12:30",
    "190:20:30",
    "2020-01-01",
    "2020-01-01T10:00:00Z",
    "=",
    "9" * 150,
]


def write_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "site.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadSettings) as caught:
        read_documents(path)
    return caught.value.message.removeprefix(str(path))


def body_of(folder: Path, text: str) -> dict[str, Any]:
    (document,) = read_documents(write_file(folder, text))
    body: dict[str, Any] = document["body"]
    return body


@pytest.mark.parametrize("name", LOOKS_LIKE_MORE)
def test_a_name_stays_as_it_is_written(tmp_path: Path, name: str) -> None:
    path = write_file(
        tmp_path,
        f"users:\n  {name}: {{role: auditor, display_name: {name}, password: {name}}}\n"
        f"teams:\n  {name}: {{members: [{name}]}}\n",
    )

    user, team = read_documents(path)

    assert (user["id"], team["id"]) == (name, name)
    assert user["body"] == {"role": "auditor", "display_name": name, "password": name}
    assert team["body"] == {"members": [name]}


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_are_not_part_of_a_name(tmp_path: Path, quote: str) -> None:
    text = f"users:\n  {quote}007{quote}: {{role: auditor, display_name: {quote}null{quote}}}\n"

    (user,) = read_documents(write_file(tmp_path, text))

    assert (user["id"], user["body"]["display_name"]) == ("007", "null")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capacity: 7", 7),
        ("capacity: 007", 7),
        ("capacity: +7", 7),
        ("capacity: 0x1f", 31),
        ("capacity: 0o17", 15),
        ("capacity: 1_000", 1_000),
        ("maintenance: true", True),
        ("maintenance: FALSE", False),
        ("timezone: null", None),
        ("timezone: ~", None),
        ("timezone:", None),
        ("timezone: '+02:00'", "+02:00"),
        ("timezone: +02:00", "+02:00"),
        ("location: {latitude: 1e1, longitude: -.5}", {"latitude": 10.0, "longitude": -0.5}),
        ("location: {latitude: 52, longitude: 13.4}", {"latitude": 52.0, "longitude": 13.4}),
        ("location: null", None),
        ("prefixes: [10.0.0.0/8]", ["10.0.0.0/8"]),
        ("region: !!str 7", "7"),
        ("region: ''", ""),
        ("region: |\n      a\n      b", "a\nb\n"),
    ],
)
def test_a_value_is_of_the_type_that_the_document_wants(
    tmp_path: Path, field: str, value: object
) -> None:
    body = body_of(tmp_path, f"nodes:\n  n:\n    role: traffic\n    {field}\n")

    found = body[field.partition(":")[0]]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("capacity: yes", ":4:5: capacity: 'yes' is no integer"),
        ("capacity: 1.5", ":4:5: capacity: '1.5' is no integer"),
        ("capacity: '7'", ":4:5: capacity: '7' stands in quotes: write a number without"),
        ("capacity: " + "9" * 5_000, ":4:5: capacity: '999"),
        ("capacity: 0x" + "f" * 5_000, ":4:5: capacity: '0xfff"),
        ("capacity: 12:30", ":4:5: capacity: '12:30' is no integer"),
        ("capacity:", ":4:5: capacity: '' is no integer"),
        ("maintenance: yes", ":4:5: maintenance: 'yes' is neither true nor false"),
        ("maintenance: 1", ":4:5: maintenance: '1' is neither true nor false"),
        ("maintenance: 'true'", ":4:5: maintenance: 'true' stands in quotes: write true or false"),
        ("location: {latitude: .nan, longitude: 1}", ":4:16: location.latitude: '.nan' is no num"),
        ("location: {latitude: 1e999, longitude: 1}", ":4:16: location.latitude: '1e999' is not"),
        ("public_address: {host: a, port: 80800}", ":4:31: public_address.port: Input should be"),
        ("public_address: {host: a..b, port: 1}", ":4:22: public_address.host: 'a..b' is no host"),
        ("region:", ":4:5: region: Input should be a valid string"),
        ("region: [a]", ":4:5: region: Input should be a valid string"),
        ("role: [traffic]", ":4:5: found duplicate key"),
        ("prefixes: {a: b}", ":4:5: prefixes: Input should be a valid tuple"),
        ("prefixes: ['fe80::1%eth0']", ":4:5: prefixes.0: fe80::1%eth0/128 has a scope id"),
        ("timezone: localtime", ":4:5: timezone: 'localtime' is neither"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(
    tmp_path: Path, field: str, message: str
) -> None:
    sentence = refusal(write_file(tmp_path, f"nodes:\n  n:\n    role: traffic\n    {field}\n"))

    assert sentence.startswith(message)
    assert len(sentence) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n- " + "[" * 10_000, ":2:65: it is nested deeper than 64 levels"),
        ("a:\n" + " {a:\n" * 10_000, ":65:2: it is nested deeper than 64 levels"),
        ("- " * 10_000, ":1:129: it is nested deeper than 64 levels"),
        ("\n".join(" " * depth + "a:" for depth in range(100)), ":65:65: it is nested deeper"),
        ("nodes:\n\tberlin: {}\n", ":2:1: found character '\\t' that cannot start any token"),
        ("nodes:\n  a: \x01\n", ":2:6: special characters are not allowed"),
        ("nodes: {a: b\n", ":2:1: expected ',' or '}', but got"),
        ('nodes: {"\\UFFFFFFFF": b}\n', ":1:8: it cannot be read"),
        ('nodes: {"\\q": b}\n', ":1:11: found unknown escape character 'q'"),
        ("%YAML 9.9\n---\na: b\n", ":1:1: found incompatible YAML document"),
        ("nodes: !!python/object:os.system {}\n", ":1:8: the tag tag:yaml.org,2002:python"),
        ("nodes: {a: !!int 7}\n", ":1:12: the tag tag:yaml.org,2002:int is not used here"),
        ("nodes: {a: !!binary aGk=}\n", ":1:12: the tag tag:yaml.org,2002:binary is not"),
        ("nodes: *gone\n", ":1:8: the alias *gone names nothing before it"),
        ("nodes: &a {b: *a}\n", ":1:15: the alias *a names nothing before it"),
        ("nodes: {<<: 7}\n", ":1:9: << names a mapping, or a list of them"),
        ("? [a]\n: b\n", ":1:3: a key is one word, not a list or a mapping"),
        ("site: {name: s}\n---\nsite: {name: t}\n", ":2:1: a second document begins"),
        ("nodes:\n  a: {}\n  'a': {}\n", ':3:3: found duplicate key "a"'),
        ("nodes: {a: {role: traffic, 'x\\ny': 1}}\n", ":1:28: x\\ny: unknown field"),
        (b"nodes:\n  a: \xff\n", " cannot be read: line 2 is no UTF-8"),
        (b"\xff\xfen\x00o\x00", " cannot be read: line 1 is no UTF-8"),
        (b"\x00", ":1:1: special characters are not allowed"),
        ("", " holds no sections"),
        ("# nothing\n", " holds no sections"),
        ("7\n", " holds no sections"),
        ("[" + "a, " * 5 + "]", " holds no sections"),
    ],
)
def test_whatever_a_file_holds_is_one_sentence_with_its_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    begun = time.perf_counter()
    sentence = refusal(write_file(tmp_path, text))

    assert sentence.startswith(message)
    assert "\n" not in sentence
    assert time.perf_counter() - begun < 10


def test_a_directory_is_no_site(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(" cannot be read: ")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = write_file(tmp_path, b"\xef\xbb\xbfsite: {name: s}\n")

    assert read_documents(path) == [{"kind": "site", "id": "site", "body": {"name": "s"}}]


def test_aliases_and_merges_give_the_same_values(tmp_path: Path) -> None:
    text = (
        "nodes:\n"
        "  one: &common {role: traffic, region: eu, prefixes: &nets [10.0.0.0/8]}\n"
        "  two: {<<: *common, region: us}\n"
        "  three: {role: traffic, prefixes: *nets}\n"
    )

    one, two, three = (each["body"] for each in read_documents(write_file(tmp_path, text)))

    assert two == {**one, "region": "us"}
    assert three == {"role": "traffic", "prefixes": ["10.0.0.0/8"]}


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    sentence = refusal(write_file(tmp_path, "\n".join(lines)))

    assert "aliases repeat more than 100,000 values" in sentence
    assert sentence.startswith(":5:")


def test_aliases_that_nest_too_deep_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100)]

    assert "nested deeper than 64 levels" in refusal(write_file(tmp_path, "\n".join(lines)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.text("ab:[]{}&*!|>'\"%@`?-,#~ \n\t\\<", max_size=60))
@example("a: &x\n- *x")
@example("&a : b")
@example('"\\x')
@example("%TAG ! !\n--- !x y")
def test_any_text_is_a_tree_or_a_refusal_with_its_line(text: str) -> None:
    refused = None
    try:
        parse(text)
    except Undecodable as error:
        refused = error
    if refused is not None:
        line, column = map(int, refused.place.split(":"))
        assert line >= 1
        assert column >= 1
        assert refused.reason in REASONS


texts = st.text(max_size=30).filter(lambda text: "\0" not in text) | st.sampled_from(
    [each for each in LOOKS_LIKE_MORE if len(each) < 100]
    + [
        "",
        " a",
        "a ",
        "a: b",
        "- a",
        "# a",
        "<<",
        "a #b",
        "'",
        '"',
        "\n",
        "a\nb\n",
        "\x85",
        "\ufeff",
    ]
)
names = st.text(min_size=1, max_size=20).filter(
    lambda text: text.isprintable() and text.strip() == text
) | st.sampled_from([each for each in LOOKS_LIKE_MORE if len(each) < 100])
users = st.fixed_dictionaries(
    {"role": st.just("auditor"), "display_name": texts, "pinned_node": st.none() | texts}
)
teams = st.fixed_dictionaries({"display_name": texts, "members": st.lists(texts, unique=True)})
nodes = st.fixed_dictionaries(
    {
        "role": st.just("traffic"),
        "region": texts,
        "capacity": st.integers(1, 2**62),
        "maintenance": st.booleans(),
        "location": st.none()
        | st.fixed_dictionaries({"latitude": st.floats(-90, 90), "longitude": st.floats(-9, 9)}),
        "timezone": st.sampled_from([None, "+02:00", "UTC"]),
        "prefixes": st.sampled_from([[], ["10.0.0.0/8", "2001:db8::/32"]]),
    }
)
documents = st.one_of(
    st.tuples(st.just(Kind.USER), names, users),
    st.tuples(st.just(Kind.TEAM), names, teams),
    st.tuples(st.just(Kind.NODE), names, nodes),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(documents, min_size=1, max_size=5, unique_by=lambda each: each[:2]))
def test_what_export_prints_is_read_back_as_it_was(
    tmp_path: Path, listed: list[tuple[Kind, str, dict[str, Any]]]
) -> None:
    exported = [
        {"kind": kind.value, "id": id_, "body": validate_body(DOCUMENTS[kind], id_, body)}
        for kind, id_, body in listed
        if not any("\ud800" <= character <= "\udfff" for character in repr(body) + id_)
    ]
    if not exported:
        return

    views = (DocumentView.model_validate({**each, "revision": 1}) for each in exported)
    found = read_documents(write_file(tmp_path, write_yaml(views)))

    def by_name(each: dict[str, Any]) -> tuple[str, str]:
        return each["kind"], each["id"]

    assert sorted(found, key=by_name) == sorted(exported, key=by_name)
