import io
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.session.narration import LINES, Narration, build_narrator

FIELDS: dict[str, dict[str, object]] = {
    "joined": {"session": "4821739"},
    "waiting": {},
    "waiting_for_customer": {},
    "arrived": {"team": "desk", "public_site": "help", "session": "4821739"},
    "accepted": {"representative": "rita"},
    "listening": {"host": "127.0.0.1", "port": 2222},
    "paths": {"nodes": ["berlin", "tokyo"]},
    "secured": {},
    "compare": {"code": "4821 7390"},
    "compared": {},
    "lifetime": {"at": "15:04", "left": "8 h", "seconds_left": 28_800},
    "ends_soon": {"at": "15:04", "left": "5 min", "seconds_left": 300},
    "words_differ": {"attempt": 1, "of": 3},
    "connected": {"node": "berlin", "generation": 1, "seconds": 0.0},
    "path_lost": {"node": "berlin", "generation": 1},
    "path_failed": {
        "node": "berlin",
        "address": "berlin (192.0.2.7:7443)",
        "generation": 1,
        "reason": "refused [here]",
    },
    "path_events_left_out": {"count": 14},
    "other_side_lost": {"wait_seconds": 30.0},
    "waited_in_vain": {"reason": "the other side did not come back within 30 s"},
    "resumed": {"node": "tokyo", "generation": 2, "seconds": 0.25},
    "stream_opened": {"stream": 1},
    "streams_refused": {"count": 3, "limit": 256},
    "stream_broken": {"stream": 1, "reason": "refused [here]"},
    "streams_refused_now": {"count": 1},
    "secret_unknown": {},
    "refused": {"message": "later"},
    "closing": {"session": "4821739"},
    "closed": {"code": "closed", "message": "enough", "by_peer": True},
    "lines_lost": {"count": 3},
}


@contextmanager
def narrating(file: Path, *, as_json: bool = False) -> Generator[Narration]:
    """A narrator that writes to *file*, and has written when the block ends."""
    with file.open("w") as target:
        narrate = build_narrator(target, as_json=as_json)
        yield narrate
        narrate.close()


def test_every_event_has_a_line_for_people() -> None:
    assert set(FIELDS) == set(LINES)


def test_a_program_gets_one_object_a_line(tmp_path: Path) -> None:
    with narrating(tmp_path / "lines", as_json=True) as narrate:
        for event, fields in FIELDS.items():
            narrate(event, **fields)
    lines = (tmp_path / "lines").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": event, **fields} for event, fields in FIELDS.items()
    ]


def test_people_get_one_plain_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    with narrating(tmp_path / "lines") as narrate:
        for event, fields in FIELDS.items():
            narrate(event, **fields)
    text = (tmp_path / "lines").read_text()
    assert text.count("\n") == len(FIELDS)
    assert "\x1b" not in text
    assert "{" not in text


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("no [red]colour[/red]", "no [red]colour[/red]"),
        ("\x1b[2Jgone\nconnected", "\\x1b[2Jgone\\nconnected"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_text_from_outside_neither_has_markup_nor_draws_on_the_terminal(
    tmp_path: Path, reason: str, shown: str
) -> None:
    with narrating(tmp_path / "lines") as narrate:
        narrate("stream_broken", stream=1, reason=reason)
    assert (tmp_path / "lines").read_text() == f"connection 1 broke: {shown}\n"


def test_a_resume_shows_its_duration(tmp_path: Path) -> None:
    with narrating(tmp_path / "lines") as narrate:
        narrate("resumed", node="tokyo", seconds=0.2504)
    assert (tmp_path / "lines").read_text() == "resumed through tokyo after 0.250 s\n"


def test_lines_wait_until_the_question_is_answered(tmp_path: Path) -> None:
    question = io.StringIO()
    with narrating(tmp_path / "lines") as narrate:
        narrate("compare", code="4821 7390")
        narrate.hold(question)
        narrate("connected", node="berlin")
        before = (tmp_path / "lines").read_text()
        narrate.release()
    assert before.startswith("code 4821 7390")
    assert before.count("\n") == 1
    assert (tmp_path / "lines").read_text().splitlines()[1:] == ["connected through berlin"]
    assert question.getvalue() == ""


@pytest.mark.parametrize("event", ["closing", "closed"])
def test_the_end_of_the_session_does_not_wait_for_an_answer(tmp_path: Path, event: str) -> None:
    question = io.StringIO()
    with narrating(tmp_path / "lines") as narrate:
        narrate.hold(question)
        narrate("connected", node="berlin")
        narrate(event, **FIELDS[event])
    assert question.getvalue() == "\n"
    assert len((tmp_path / "lines").read_text().splitlines()) == 2
