"""The options of `meridian events tail`, the checks of signatures, and the lines that are shown."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from clients.cli import build
from clients.cli.times import parse_start
from clients.events.filters import is_known, known_subjects, parse_durable_name, parse_filter
from clients.events.keys import SignatureChecker, read_keys
from clients.events.reader import RawEvent
from clients.events.rendering import as_line, as_object
from shared.crypto.node_signature import Statement, attest
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import BadSettings, BadSignature
from shared.domain.ids import Instant, NodeId, UnixMillis

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("10m", NOW - timedelta(minutes=10)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-05-04T09:00:00Z", NOW - timedelta(hours=1)),
        ("2026-05-04T11:00:00+02:00", NOW - timedelta(hours=1)),
        ("2026-05-04T09:00:00", NOW - timedelta(hours=1)),
    ],
)
def test_since_is_a_span_or_a_time(text: str, moment: datetime) -> None:
    assert parse_start(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "yesterday", "-5m", "9999999d"])
def test_any_other_since_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSettings, match="neither a span like 10m nor a time like"):
        parse_start(text, NOW)


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        (None, "meridian.event.>"),
        (">", "meridian.event.>"),
        ("failover", "meridian.event.failover.>"),
        ("failover.>", "meridian.event.failover.>"),
        ("*.changed", "meridian.event.*.changed"),
        ("meridian.event.session.changed", "meridian.event.session.changed"),
    ],
)
def test_a_filter_is_a_pattern_of_subjects(text: str | None, subjects: str) -> None:
    assert parse_filter(text) == subjects
    assert is_known(subjects)


@pytest.mark.parametrize("text", ["a..b", ".", ">.changed", "fail over", "a.b*", "a.\n", "ü"])
def test_what_is_no_pattern_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSettings, match=r"is no pattern.*failover"):
        parse_filter(text)


@pytest.mark.parametrize("text", ["failovr", "failover.primary_changed.>", "*", "a.b.c"])
def test_a_pattern_without_any_event_is_known_as_such(text: str) -> None:
    pattern = parse_filter(text)

    assert is_known(pattern) is (text == "*")
    assert "failover.primary_changed" in known_subjects()


@pytest.mark.parametrize("text", ["", "a.b", "a b", "x" * 65])
def test_a_durable_name_is_one_word(text: str) -> None:
    assert parse_durable_name("my-tool_2") == "my-tool_2"
    with pytest.raises(BadSettings, match="is no name"):
        parse_durable_name(text)


KEY = NodeKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
ALPHA = NodeId("alpha")
STATEMENT = Statement(ALPHA, UnixMillis(1_777_888_800_123), "4f2a")
SUBJECT = "meridian.event.failover.primary_changed"
PAYLOAD = b'{"node":"bravo","previous":null,"epoch":4,"cause":"alpha did not renew","tags":["a"]}'
RAW = RawEvent(17, NOW, SUBJECT, PAYLOAD, attest(KEY, STATEMENT, SUBJECT, PAYLOAD))


def test_a_line_has_the_time_the_node_the_subject_and_every_field() -> None:
    assert as_line(RAW, STATEMENT) == (
        "2026-05-04T10:00:00.123Z alpha failover.primary_changed "
        'node=bravo previous=null epoch=4 cause="alpha did not renew" tags=["a"]'
    )


def test_an_object_has_the_event_as_it_came() -> None:
    assert json.loads(as_object(RAW, STATEMENT)) == {
        "sequence": 17,
        "id": "4f2a",
        "time": "2026-05-04T10:00:00.123Z",
        "node": "alpha",
        "subject": SUBJECT,
        "event": json.loads(PAYLOAD),
    }


def test_a_value_cannot_draw_on_the_terminal() -> None:
    payload = json.dumps({"detail": "\x1b[2J\nnode=forged"}).encode()
    raw = RawEvent(1, NOW, SUBJECT, payload, "")

    assert as_line(raw, STATEMENT).isprintable()


def test_keys_are_fetched_again_for_a_new_node_but_not_at_once() -> None:
    answers = [{}, {ALPHA: KEY.public_b64}]
    hours = [0]
    checker = SignatureChecker(lambda: dict(answers.pop(0)), lambda: Instant(hours[0] * 3_600.0))

    with pytest.raises(BadSignature, match="no key of node alpha"):
        checker.check(RAW.testimony, SUBJECT, PAYLOAD)
    assert len(answers) == 1, "not at once: a flood of events must not become a flood of requests"

    hours[0] = 1
    assert checker.check(RAW.testimony, SUBJECT, PAYLOAD) == STATEMENT


@pytest.mark.parametrize("text", ["", "[]", "7", "no json"])
def test_a_file_without_keys_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)

    with pytest.raises(BadSettings, match=r"keys\.json holds no nodes' keys"):
        read_keys(path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--server", "http://a"], "begin with nats:// or tls://"),
        (["--filter", "a..b"], "is no pattern"),
        (["--since", "soon"], "neither a span"),
        (["--durable", "a b"], "is no name"),
        (["--password-file", "/absent"], "the password cannot be read"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))
    password = tmp_path / "password"
    password.write_text("secret\n")
    base = ["events", "tail", "--server", "nats://127.0.0.1:9", "--password-file", str(password)]

    result = CliRunner().invoke(build("events"), [*base, *arguments])

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
